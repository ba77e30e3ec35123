"""Commands that may be sent twice: whoever repeats an `Idempotency-Key` gets the bytes of the first answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from domain.errors import DomainError, ErrorCode
from domain.permissions import Actor
from domain.ports import Command
from rest.commands import IDEMPOTENCY_KEY
from storage.answers import KeptResponse
from storage.idempotency import KeptResponses, is_final

Act = Callable[[], Awaitable[KeptResponse]]


@dataclass(frozen=True, slots=True)
class Repeats:
    """`refused` is how errors are written where the command was sent to."""

    kept: KeptResponses
    refused: Callable[[DomainError, str], Response]

    async def answer(self, actor: Actor, command: Command[Any], act: Act) -> Response:
        if command.client_mutation_id is None:
            return _response(await act())
        kept = await self.kept.find(actor, command)
        if kept is None:
            kept = await self.kept.keep(actor, command, await self._acted(actor, act))
        return _response(kept)

    async def _acted(self, actor: Actor, act: Act) -> KeptResponse:
        """A refusal is an answer too, where the command is refused for good."""
        try:
            return await act()
        except DomainError as error:
            if not is_final(error):
                raise
            refused = self.refused(as_sent(error), actor.trace_id)
            return KeptResponse(refused.status_code, dict(refused.headers), bytes(refused.body).decode())


def as_sent(error: DomainError) -> DomainError:
    """The field as this caller wrote it."""
    if error.code is ErrorCode.CONFLICT and error.details.get("field") == "clientMutationId":
        return DomainError(error.code, error.message, **{**error.details, "field": IDEMPOTENCY_KEY})
    return error


def _response(kept: KeptResponse) -> Response:
    return Response(kept.body, kept.status, kept.headers)
