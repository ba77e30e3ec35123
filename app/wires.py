"""uvicorn's sockets, written to without waiting: what a stalled one does not take never holds up the others."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

EXTENSION = "easel.wire"
_ABORT = "easel.abort"
CLOSE_SECONDS = 4.0
HEAD_SECONDS = 10.0
MOST_HEAD_BYTES = 65_536
MOST_PIECES = 1_000
MOST_MESSAGE_BYTES = 65_536


class Wire(WebSocketsSansIOProtocol):
    """Told to its application as an extension of the scope; see `streams.outbox.Wire`."""

    is_full = False
    on_full: Callable[[], None] | None = None
    on_room: Callable[[], None] | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def write(self, frame: bytes) -> None:
        """Send a whole frame of a message; nothing once the socket closes."""
        if not self.close_sent and not self.disconnected:
            self.transport.write(frame)

    def close(self, code: int, reason: str) -> None:
        """Say why, without waiting; who does not answer within CLOSE_SECONDS is let go of."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        with suppress(InvalidState):  # the other side closes as well
            self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.resume_reading()  # or its answer would not be read
        self.read_paused = False
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def handle_ping(self) -> None:
        """Who does not read gets no answer to a ping, or there would be no end of answers that wait."""
        pong = b"".join(self.conn.data_to_send())
        if not self.is_full:
            self.transport.write(pong)

    def handle_cont(self, event: Frame) -> None:
        """Pieces of a message may be empty: what bounds its bytes does not bound them."""
        if len(self.frames) < MOST_PIECES:
            super().handle_cont(event)
        else:
            self._fail(CloseCode.MESSAGE_TOO_BIG, f"A message of more than {MOST_PIECES} pieces")

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA, "A text is UTF-8")
                return
        super().send_receive_event_to_app()

    def _fail(self, code: int, reason: str) -> None:
        self.frames = []
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.is_full = True
        if self.on_full:
            self.on_full()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_full = False
        if self.on_room:
            self.on_room()


class HttpWire(HttpToolsProtocol):
    """
    Tells its application how to let go of a connection whose other side takes nothing any more.

    Lets go of those that say no whole head of a request in HEAD_SECONDS, or one that is too long.
    """

    _late: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._late:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._late = self._late or self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def on_headers_complete(self) -> None:
        self._head_is_there()
        extensions: dict[str, Any] = {_ABORT: self.transport.abort}
        self.scope["extensions"] = extensions
        super().on_headers_complete()

    def _head_is_there(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None


def abort(scope: Scope) -> None:
    """Let go of the connection that a request came by."""
    scope["extensions"][_ABORT]()


def wire_of(scope: Scope) -> Wire:
    found: Wire = scope["extensions"][EXTENSION]
    return found
