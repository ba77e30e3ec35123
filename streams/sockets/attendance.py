"""Who is connected to this process: not too often, not for nothing, and not longer than they may."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

import structlog

from domain.errors import DomainError
from domain.permissions import Actor
from streams.sockets.closing import CloseCode, Closed

PASSED_AT_ONCE = 100  # sockets, before others have their turn
ASKED_AT_ONCE = 8  # keys and persons, of whom the database is asked
ASK_SECONDS = 5.0
GO_ELSEWHERE = "This server restarts: connect again"

log = structlog.get_logger(__name__)


class Attendee(Protocol):
    """A socket on which somebody has said who they are; `idle_since` is None while it has something to do."""

    @property
    def actor(self) -> Actor: ...

    @property
    def idle_since(self) -> float | None: ...

    def close(self, code: CloseCode, reason: str) -> None: ...


class Attendance:
    """
    Holds those who are introduced. `most` is how many sockets one key or person may have here.

    Whose time is over, as it was when they were let in, is closed whatever the database does. Who was shut out since is
    closed when the database is asked again, every `recheck_seconds`; while it does not answer, nobody is.
    """

    def __init__(
        self,
        still_valid: Callable[[Actor], Awaitable[bool]],
        *,
        recheck_seconds: float,
        idle_seconds: float,
        most: int,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        self._still_valid = still_valid
        self._recheck_seconds = recheck_seconds
        self._idle_seconds = idle_seconds
        self._most = most
        self._ask_seconds = ask_seconds
        self._here: dict[Attendee, Hashable] = {}
        self._counts: Counter[Hashable] = Counter()
        self._is_over = False

    def enter(self, one: Attendee) -> None:
        """Raises Closed where whoever it is has too many, and where the server stops."""
        if self._is_over:
            raise Closed(CloseCode.RESTART, GO_ELSEWHERE)
        who = one.actor.organization_id, one.actor.kind, one.actor.subject
        if self._counts[who] >= self._most:
            message = f"You have {self._most:,} sockets open already: close one, or subscribe to more on each"
            raise Closed(CloseCode.TRY_AGAIN_LATER, message)
        self._here[one] = who
        self._counts[who] += 1

    def leave(self, one: Attendee) -> None:
        who = self._here.pop(one, None)
        if who is not None:
            self._counts[who] -= 1
            if not self._counts[who]:
                del self._counts[who]

    def dismiss(self) -> None:
        """This server stops: all are to go elsewhere, and nobody comes any more."""
        self._is_over = True
        for one in list(self._here):
            _close(one, CloseCode.RESTART, GO_ELSEWHERE)

    async def run(self) -> None:
        """Look again and again, for ever."""
        async with asyncio.TaskGroup() as tasks:
            often = min(self._recheck_seconds, self._idle_seconds)
            tasks.create_task(_again_and_again(self._send_home_overdue, often))
            tasks.create_task(_again_and_again(self._send_away_invalid, self._recheck_seconds))

    async def _send_home_overdue(self) -> None:
        overdue, now = asyncio.get_running_loop().time() - self._idle_seconds, datetime.now(UTC)
        async for one in self._everybody():
            if one.actor.expires_at is not None and one.actor.expires_at <= now:
                _close(one, CloseCode.NO_LONGER_VALID, "Your key or token has expired: connect with a fresh one")
            elif one.idle_since is not None and one.idle_since < overdue:
                _close(one, CloseCode.IDLE, "Nothing is subscribed to, and nothing was said for long: connect again")

    async def _send_away_invalid(self) -> None:
        sockets: dict[Actor, list[Attendee]] = {}
        async for one in self._everybody():
            sockets.setdefault(replace(one.actor, trace_id=""), []).append(one)
        left = iter(sockets)
        while some := list(islice(left, ASKED_AT_ONCE)):
            if not any(await asyncio.gather(*(self._look_at(actor, sockets[actor]) for actor in some))):
                log.warning("nobody tells whose keys and tokens are valid: all stay for now", sockets=len(self._here))
                return

    async def _look_at(self, actor: Actor, sockets: list[Attendee]) -> bool:
        """Close them unless the actor may stay; whether that could be told."""
        may_stay = await self._may_stay(actor)
        for one in sockets if may_stay is False else ():
            _close(one, CloseCode.NO_LONGER_VALID, "Your key or token is no longer valid: connect with a fresh one")
        return may_stay is not None

    async def _everybody(self) -> AsyncIterator[Attendee]:
        for number, one in enumerate(list(self._here), 1):
            if one in self._here:
                yield one
            if number % PASSED_AT_ONCE == 0:
                await asyncio.sleep(0)  # others have their turn

    async def _may_stay(self, actor: Actor) -> bool | None:
        """None where nobody can tell: a database that does not answer shuts nobody out."""
        try:
            async with asyncio.timeout(self._ask_seconds):
                return await self._still_valid(actor)
        except (DomainError, TimeoutError):
            return None
        except Exception:  # who cannot be looked at may not stay
            log.exception("a socket's key or token could not be looked at")
            return False


async def _again_and_again(look: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await look()
        except Exception:  # the next round is to come, whatever became of this one
            log.exception("those who are connected could not be looked at")


def _close(one: Attendee, code: CloseCode, reason: str) -> None:
    """One that cannot be closed keeps none of the others."""
    try:
        one.close(code, reason)
    except Exception:  # the others are closed all the same
        log.exception("a socket could not be closed")
