"""Carries what is said here to the store and, as news, to the other processes; nobody waits for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import msgspec
import structlog
from broadcaster import Broadcast

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.presence import Presence
from storage.presences import Presences
from streams.presence.room import PresenceChange

AT_ONCE = 16
FINISH_SECONDS = 2.0

Answer = asyncio.Future[DomainError | None]

encode = msgspec.json.encode
_decoder = msgspec.json.Decoder(PresenceChange)

log = structlog.get_logger(__name__)


def channel_of(project_id: Id) -> str:
    return f"presence:{project_id}"


def decode(message: str) -> PresenceChange:
    return _decoder.decode(message)


@dataclass(slots=True)
class _Errand:
    change: PresenceChange
    answer: Answer = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Courier:
    """
    Of each presence only the newest change waits, and one at a time is under way: so there is a bound, and an order.

    What the store does not take while it is away is dropped; `turn_away` hears of whoever it has no room for.
    """

    def __init__(
        self, bus: Broadcast, presences: Presences, seconds: float, turn_away: Callable[[Presence], None]
    ) -> None:
        self._bus = bus
        self._presences = presences
        self._seconds = seconds
        self._turn_away = turn_away
        self._waiting: dict[tuple[Id, Id], _Errand] = {}
        self._under_way: dict[tuple[Id, Id], _Errand] = {}
        self._wanted = asyncio.Event()
        self._answers: set[Answer] = set()

    def carry(self, change: PresenceChange) -> Answer:
        """The answer comes when it is carried, or a newer one in its place: the refusal, if it is one."""
        key = change.presence.project_id, change.presence.connection_id
        if errand := self._waiting.get(key):
            errand.change = change
        else:
            errand = self._waiting[key] = _Errand(change)
            self._answers.add(errand.answer)
            errand.answer.add_done_callback(self._answers.discard)
        self._wanted.set()
        return errand.answer

    def is_leaving(self, presence: Presence) -> bool:
        """Whether the store is still to be told that they left."""
        key = presence.project_id, presence.connection_id
        errands = self._waiting.get(key), self._under_way.get(key)
        return any(errand is not None and errand.change.kind == "left" for errand in errands)

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._waiting:
                keys = list(islice(self._waiting, AT_ONCE))
                self._under_way = {key: self._waiting.pop(key) for key in keys}
                await asyncio.gather(*(self._run_errand(errand) for errand in self._under_way.values()))
                self._under_way.clear()

    async def finish(self) -> None:
        """Wait a moment for what is under way."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=FINISH_SECONDS)

    async def _run_errand(self, errand: _Errand) -> None:
        refusal = None
        try:
            await self._store(errand.change)
            await self._bus.publish(channel_of(errand.change.presence.project_id), encode(errand.change).decode())
        except DomainError as error:
            refusal = self._refused(errand.change.presence, error)
        except Exception:
            # Whoever is not carried once is carried again, as they are kept.
            log.exception("a presence was not told")
        finally:
            if not errand.answer.done():
                errand.answer.set_result(refusal)

    async def _store(self, change: PresenceChange) -> None:
        if change.kind == "left":
            await self._presences.remove(change.presence.project_id, change.presence.connection_id)
        else:
            await self._presences.put(change.presence, self._seconds)

    def _refused(self, presence: Presence, error: DomainError) -> DomainError | None:
        """A store that is away refuses nobody."""
        if error.code is not ErrorCode.QUOTA_EXCEEDED:
            return None
        self._turn_away(presence)
        return error
