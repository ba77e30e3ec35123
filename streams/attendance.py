"""Who is connected to this process: not too often, not for nothing, and not longer than they may."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace
from typing import Protocol

import structlog

from domain.errors import DomainError
from domain.permissions import Actor
from streams.closing import CloseCode, Closed

LOOKED_AT_ONCE = 100

log = structlog.get_logger(__name__)


class Attendee(Protocol):
    """A socket on which somebody has said who they are; `idle_since` is None while it has something to do."""

    @property
    def actor(self) -> Actor: ...

    @property
    def idle_since(self) -> float | None: ...

    def close(self, code: CloseCode, reason: str) -> None: ...


class Attendance:
    """Holds those who are introduced. `most` is how many sockets one key or person may have here."""

    def __init__(
        self,
        still_valid: Callable[[Actor], Awaitable[bool]],
        *,
        recheck_seconds: float,
        idle_seconds: float,
        most: int,
    ) -> None:
        self._still_valid = still_valid
        self._recheck_seconds = recheck_seconds
        self._idle_seconds = idle_seconds
        self._most = most
        self._here: dict[Attendee, Hashable] = {}
        self._counts: Counter[Hashable] = Counter()

    def enter(self, one: Attendee) -> None:
        """Raises Closed where whoever it is has too many."""
        who = one.actor.organization_id, one.actor.kind, one.actor.subject
        if self._counts[who] >= self._most:
            message = f"You have {self._most:,} sockets open already: close one, or subscribe to more on each"
            raise Closed(CloseCode.TRY_AGAIN_LATER, message)
        self._here[one] = who
        self._counts[who] += 1

    def leave(self, one: Attendee) -> None:
        who = self._here.pop(one, None)
        if who is not None:
            self._counts -= Counter([who])

    def dismiss(self) -> None:
        """This server stops: all are to go elsewhere."""
        for one in list(self._here):
            one.close(CloseCode.RESTART, "This server restarts: connect again")

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(min(self._recheck_seconds, self._idle_seconds))
            self._send_home_idle()
            await self._send_away_invalid()

    def _send_home_idle(self) -> None:
        overdue = asyncio.get_running_loop().time() - self._idle_seconds
        for one in list(self._here):
            if one.idle_since is not None and one.idle_since < overdue:
                one.close(CloseCode.IDLE, "Nothing is subscribed to, and nothing was said for long: connect again")

    async def _send_away_invalid(self) -> None:
        known: dict[Actor, bool] = {}
        for number, one in enumerate(list(self._here), 1):
            actor = replace(one.actor, trace_id="")
            if actor not in known:
                known[actor] = await self._may_stay(actor)
            if not known[actor]:
                one.close(CloseCode.NO_LONGER_VALID, "Your key or token is no longer valid: connect with a fresh one")
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _may_stay(self, actor: Actor) -> bool:
        try:
            return await self._still_valid(actor)
        except DomainError:  # a database that does not answer shuts nobody out
            return True
        except Exception:
            log.exception("a socket's key or token could not be looked at")
            return False
