"""What goes out to one socket: at once while it takes it, else kept within bounds, and not for long."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Protocol

from streams.sockets.backlog import Backlog, Overflow

STUCK_SECONDS = 8.0
_TEXT = b"\x81"  # the first byte of a text frame that is whole (RFC 6455, 5.2)


class Wire(Protocol):
    """
    A socket that is written to, and closed, without waiting.

    It calls `on_full` when it should be spared, then `on_room`.
    """

    is_full: bool
    on_full: Callable[[], None] | None
    on_room: Callable[[], None] | None

    def write(self, frame: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Outbox:
    """
    Sends messages in order, without waiting. While the socket takes none, the backlog keeps them.

    `on_stuck` is called when the socket has taken nothing for STUCK_SECONDS, or there is too much in the backlog.
    """

    __slots__ = ("_backlog", "_on_stuck", "_room", "_timer", "_wire")

    def __init__(self, wire: Wire, on_stuck: Callable[[], None]) -> None:
        self._wire = wire
        self._on_stuck = on_stuck
        self._backlog: Backlog | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._room: asyncio.Event | None = None
        wire.on_full, wire.on_room = self._keep, self._go_on

    def send(self, *parts: bytes, subject: Hashable = None) -> None:
        """Send what the parts make together; while it waits, a later one about the same subject may replace it."""
        if self._backlog is None:
            self._wire.write(_frame(parts))
            return
        try:
            self._backlog.put(parts, subject)
        except Overflow:
            self._on_stuck()

    async def has_room(self) -> None:
        """Returns once the socket takes messages."""
        while self._backlog is not None:
            self._room = self._room or asyncio.Event()
            await self._room.wait()

    def close(self) -> None:
        """Nothing more is kept, and nobody waits."""
        self._wire.on_full = self._wire.on_room = None
        self._stop_timer()
        self._backlog = None
        self._tell_room()

    def _keep(self) -> None:
        """The socket is full: keep what comes, for a while."""
        if self._backlog is None:
            self._backlog = Backlog()
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(STUCK_SECONDS, self._on_stuck)

    def _go_on(self) -> None:
        """The socket takes messages again: the oldest first, until it is full once more."""
        while self._backlog and not self._wire.is_full:
            self._wire.write(_frame(self._backlog.take()))
        if not self._backlog and not self._wire.is_full:
            self._backlog = None
            self._stop_timer()
            self._tell_room()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _tell_room(self) -> None:
        if self._room:
            self._room.set()
            self._room = None


def _frame(parts: tuple[bytes, ...]) -> bytes:
    size = sum(map(len, parts))
    if size < 126:
        length = bytes((size,))
    elif size < 65_536:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return b"".join((_TEXT, length, *parts))
