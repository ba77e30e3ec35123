"""uvicorn's sockets, written to without waiting: what a stalled one does not take never holds up the others."""

from asyncio import TimerHandle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request

EXTENSION = "easel.wire"
_ABORT = "easel.abort"
CLOSE_SECONDS = 4.0
MOST_MESSAGE_BYTES = 65_536


class Wire(WebSocketsSansIOProtocol):
    """Told to its application as an extension of the scope; see `streams.outbox.Wire`."""

    is_full = False
    on_full: Callable[[], None] | None = None
    on_room: Callable[[], None] | None = None
    _last_call: TimerHandle | None = None

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
        self._let_go_soon()
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        with suppress(InvalidState):  # the other side closes as well
            self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.resume_reading()  # or its answer would not be read
        self.read_paused = False
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)  # until then uvicorn waits

    def pause_writing(self) -> None:
        """Who does not read is not read: what they say would be answered, and the answers would pile up."""
        super().pause_writing()
        self.is_full = True
        self.transport.pause_reading()
        if self.on_full:
            self.on_full()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_full = False
        if not self.read_paused:
            self.transport.resume_reading()
        if self.on_room:
            self.on_room()

    # Whichever way a socket is closed, its transport waits until all is sent, which may be never.

    def eof_received(self) -> None:
        super().eof_received()
        self._let_go_soon()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._let_go_soon()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._let_go_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._let_go_soon()

    def shutdown(self) -> None:
        super().shutdown()
        self._let_go_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._last_call:
            self._last_call.cancel()
        super().connection_lost(exc)

    def _let_go_soon(self) -> None:
        if self._last_call is None and not self.disconnected:
            self._last_call = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


class HttpWire(HttpToolsProtocol):
    """Tells its application how to let go of a connection whose other side takes nothing any more."""

    def on_headers_complete(self) -> None:
        extensions: dict[str, Any] = {_ABORT: self.transport.abort}
        self.scope["extensions"] = extensions
        super().on_headers_complete()


def abort(scope: Scope) -> None:
    """Let go of the connection that a request came by."""
    scope["extensions"][_ABORT]()


def wire_of(scope: Scope) -> Wire:
    found: Wire = scope["extensions"][EXTENSION]
    return found
