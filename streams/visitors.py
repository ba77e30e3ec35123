"""What one connection says, at the pace at which others are told."""

import asyncio
from collections.abc import Callable

from domain.ids import Id
from domain.presence import Presence

CHANGES_PER_SECOND = 10


class Visitor:
    """
    Of each project the newest word waits for its turn; None is that they leave. `go` says whether it changed anything.

    `version` counts what the connection said anywhere, and `places` are where it is.
    """

    def __init__(self, go: Callable[[Id, Presence | None], bool]) -> None:
        self.version = 0
        self.places: set[Id] = set()
        self._go = go
        self._waiting: dict[Id, Presence | None] = {}
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def change(self, project_id: Id, said: Presence | None) -> None:
        """Let it go out when it may; what waited for the same project is overtaken."""
        self._waiting[project_id] = said
        if self._timer is None:
            self._next()

    def take_turn(self) -> None:
        """Something went out: what comes next waits."""
        self._free_at = max(self._free_at, asyncio.get_running_loop().time()) + 1 / CHANGES_PER_SECOND

    def forget(self, project_id: Id) -> None:
        self._waiting.pop(project_id, None)

    def end(self) -> None:
        self._waiting.clear()
        if self._timer:
            self._timer.cancel()

    def _next(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        while self._waiting and self._free_at <= loop.time():
            project_id = next(iter(self._waiting))
            if self._go(project_id, self._waiting.pop(project_id)):
                self.take_turn()
        if self._waiting:
            self._timer = loop.call_at(self._free_at, self._next)
