"""What connections say, at the pace at which others are told: one pace for all connections of a person."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from domain.ids import Id
from domain.presence import Presence

CHANGES_PER_SECOND = 10

Place: TypeAlias = tuple[Id, Id]
"""A connection's in a project."""


class Pace:
    """Of one person's changes so many go out in a second; one that waits is overtaken by a newer one of its place."""

    def __init__(self) -> None:
        self._waiting: dict[Place, Callable[[], bool]] = {}
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, place: Place, go: Callable[[], bool]) -> None:
        """Let it go out when it may; `go` says whether it changed anything."""
        self._waiting[place] = go
        if self._timer is None:
            self._next()

    def take_turn(self) -> None:
        """Something went out: what comes next waits."""
        self._free_at = max(self._free_at, asyncio.get_running_loop().time()) + 1 / CHANGES_PER_SECOND

    def forget(self, place: Place) -> None:
        self._waiting.pop(place, None)

    def _next(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        while self._waiting and self._free_at <= loop.time():
            if self._waiting.pop(next(iter(self._waiting)))():
                self.take_turn()
        if self._waiting:
            self._timer = loop.call_at(self._free_at, self._next)


class Visitor:
    """
    A connection: `version` counts what it said anywhere, and `places` are the projects where it is.

    `go` tells what is said in one of them, None that it leaves there, and says whether that changed anything.
    """

    def __init__(self, id: Id, pace: Pace, go: Callable[["Visitor", Id, Presence | None], bool]) -> None:
        self.id = id
        self.version = 0
        self.places: set[Id] = set()
        self.pace = pace
        self._go = go

    def change(self, project_id: Id, said: Presence | None) -> None:
        self.pace.wait((self.id, project_id), lambda: self._go(self, project_id, said))

    def forget(self, project_id: Id) -> None:
        self.pace.forget((self.id, project_id))
