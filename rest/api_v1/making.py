"""Commands that start work, and the wait for the image that comes of it."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domain.commands import execute
from domain.errors import ErrorCode
from domain.generations import Generation, GenerationStatus
from domain.ids import parse_id
from domain.live_scope_commands import RegenerateLiveScope
from domain.permissions import Actor
from domain.ports import Command
from domain.projects import Project
from rest.api_v1.actions import Action, Change, kept, location
from rest.api_v1.house import PREFIX, Here, House
from rest.api_v1.shapes import Shape
from rest.waiting import LONGEST_WAIT_SECONDS, Patience, patience_of
from storage.answers import KeptResponse
from storage.missing import not_found

# When `/retry` was given up for `/regenerate`: 2025-11-23, as RFC 9745 writes it.
DEPRECATED_SINCE = "@1763856000"


@dataclass(frozen=True)
class StartAgain(Change):
    """Have a scope's images made again: each counts in the project's minute."""

    async def given(self, here: Here, command: Command[Any], status: int) -> KeptResponse:
        assert isinstance(command, RegenerateLiveScope)  # noqa: S101 - as the table has it
        await here.house.starts.count_again(here.actor, command)
        return await Change.given(self, here, command, status)


@dataclass(frozen=True)
class Make(Change):
    """
    Give a command that has an image made, and wait for it: a minute, unless `Prefer` says otherwise.

    It has one made `only_with` one of these fields, where they are named. A generation that fails meanwhile is
    answered with 500, the generation, and the error that is also in it.
    """

    only_with: tuple[str, ...] = ()

    async def given(self, here: Here, command: Command[Any], status: int) -> KeptResponse:
        patience = self._patience(here.request, command)
        if patience is None:
            return await Change.given(self, here, command, status)
        await here.house.starts.count(here.actor, Project, here.place.project_id)
        generation: Generation = await execute(here.house.begin, here.actor, command)
        had_ended = generation.is_finished
        headers = patience.headers | (location(here, generation) if status == 201 else {})
        generation = await here.house.waiting.for_end(generation, here.actor, patience.seconds)
        if generation.deleted_at is not None:
            raise not_found(Generation)
        shape = await self.shape(here, generation)
        if had_ended or generation.status is not GenerationStatus.FAILED:
            return kept(status, shape, headers)
        return kept(500, shape | _failure(generation, here.actor), headers)

    def _patience(self, request: Request, command: Command[Any]) -> Patience | None:
        """How long to wait; None where nothing is made."""
        if self.only_with and all(getattr(command, name) is None for name in self.only_with):
            return None
        return patience_of(request, otherwise_seconds=LONGEST_WAIT_SECONDS)


def _failure(generation: Generation, actor: Actor) -> Shape:
    code = generation.error.code if generation.error else ErrorCode.PROVIDER_FAILED
    return {"error": {"code": code, "message": generation.error_message, "traceId": actor.trace_id}}


@dataclass(frozen=True, slots=True)
class Deprecated:
    """The same as another address, which is to be used instead."""

    action: Action
    successor: str

    async def __call__(self, house: House, request: Request, actor: Actor, status: int) -> Response:
        response = await self.action(house, request, actor, status)
        successor = PREFIX + self.successor.format(id=parse_id(request.path_params["id"]))
        response.headers["Deprecation"] = DEPRECATED_SINCE
        response.headers["Link"] = f'<{successor}>; rel="successor-version"'
        return response
