"""What is done with a batch that was started, and with its shots: repeat, call off, resume, take over by hand."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domain.commands import execute
from domain.errors import InvalidInput
from domain.permissions import Actor
from domain.ports import Command
from domain.shots.batch_commands import CancelShotBatch, ResumeShotBatch, RetryShotBatch
from domain.shots.commands import CancelShot, RetryShot, SetShotMode
from rest.commands import command_from, json_of, key_of
from rest.generate_ai_concept.bodies import mode_of, require_known
from rest.generate_ai_concept.house import AtBatch, House
from rest.generate_ai_concept.telling import kept
from storage.answers import KeptResponse

Body = Mapping[str, Any]
_ID = "batch_id"


@dataclass(frozen=True, slots=True)
class Change:
    """Give the command that the body asks for; the answer is the batch as it is then."""

    known: tuple[str, ...]
    command: Callable[[AtBatch, Body], Awaitable[Command[Any]]]
    starts: bool = False

    async def __call__(self, house: House, request: Request, actor: Actor) -> Response:
        body = await json_of(request)
        require_known(body, (_ID, *self.known))
        here = await house.at_batch(request, actor, body.get(_ID))
        command = await self.command(here, body)
        return await house.repeats.answer(here.actor, command, partial(self._changed, here, command))

    async def _changed(self, here: AtBatch, command: Command[Any]) -> KeptResponse:
        await here.spend(here.batch.counts.total)  # ahead of it: who is refused has changed nothing
        if self.starts:
            await here.count_start()
        await execute(here.house.begin, here.actor, command)
        return await kept(await here.at(here.batch.id))


async def _retry(here: AtBatch, body: Body) -> Command[Any]:
    """One shot, those of a sequence that failed, or all that did."""
    sequence, plan, key = body.get("sequence_id"), body.get("plan"), key_of(here.request)
    if plan is not None:
        return RetryShot(id=(await here.shot(sequence, plan)).id, client_mutation_id=key)
    return RetryShotBatch(id=here.batch.id, sequence=_text(sequence, "sequence_id"), client_mutation_id=key)


async def _cancel(here: AtBatch, body: Body) -> Command[Any]:
    key = key_of(here.request)
    if body.get("sequence_id") is None and body.get("plan") is None:
        return CancelShotBatch(id=here.batch.id, client_mutation_id=key)
    shot = await here.shot(body.get("sequence_id"), body.get("plan"))
    return CancelShot(id=shot.id, client_mutation_id=key)


async def _resume(here: AtBatch, body: Body) -> Command[Any]:
    said = {name: value for name, value in body.items() if name != _ID}
    return command_from(here.request, ResumeShotBatch, said, named={"id": here.batch.id}, spelled=str)


async def _mode(here: AtBatch, body: Body) -> Command[Any]:
    mode = mode_of(body.get("mode"))
    shot = await here.shot(body.get("sequence_id"), body.get("plan"))
    return SetShotMode(id=shot.id, mode=mode, client_mutation_id=key_of(here.request))


def _text(value: Any, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text, as SQ0010", field=name)
    return value


_SHOT = ("sequence_id", "plan")
retry = Change(_SHOT, _retry, starts=True)
cancel = Change(_SHOT, _cancel)
resume = Change(("max_credits",), _resume, starts=True)
mode = Change((*_SHOT, "mode"), _mode, starts=True)
