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
_ABORT = "abort"
CLOSE_SECONDS = 4.0
HEAD_SECONDS = 10.0
MOST_HEAD_BYTES = 65_536
MOST_PIECES = 1_000
MOST_MESSAGE_BYTES = 65_536
MOST_LAST_BYTES = 1_024
_NO_CODE = 1006
PIECE_BYTES = 2_048  # of what came at once: some hundred frames, if they are small


class Wire(WebSocketsSansIOProtocol):
    """Told to its application as an extension of the scope; see `streams.sockets.outbox.Wire`."""

    is_full = False
    on_full: Callable[[], None] | None = None
    on_room: Callable[[], None] | None = None
    _last_call: asyncio.TimerHandle | None = None
    _next_piece: asyncio.Handle | None = None
    _is_deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # it is said wider
        super().connection_made(transport)
        self._unparsed = bytearray()

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
        self._forget_unheard()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        with suppress(InvalidState):  # the other side closes as well
            self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_paused = False  # or its answer would not be read
        self._read_on()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)  # until then uvicorn waits

    def data_received(self, data: bytes) -> None:
        """Thousands of frames may come at once, on many sockets: each has its turn with a piece of them."""
        if self._is_deaf:
            if len(data) < MOST_LAST_BYTES:  # no more waits behind it: it is their Close
                self.transport.close()
            return
        if not self._unparsed and len(data) <= PIECE_BYTES:
            super().data_received(data)
            return
        self._unparsed += data
        self.transport.pause_reading()
        self._parse_soon()

    async def receive(self) -> Any:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

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
        """Who does not read is not read: what they say would be answered, and the answers would pile up."""
        super().pause_writing()
        self.is_full = True
        self.transport.pause_reading()
        if self.on_full:
            self.on_full()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_full = False
        self._read_on()
        if self.on_room:
            self.on_room()

    def _read_on(self) -> None:
        """Go on where it stopped, unless there is reason to wait still."""
        if self.read_paused or (self.is_full and not self.close_sent) or self.transport.is_closing():
            return
        if self._unparsed:
            self._parse_soon()
        else:
            self.transport.resume_reading()

    def _parse_soon(self) -> None:
        self._next_piece = self._next_piece or self.loop.call_soon(self._parse_piece)

    def _parse_piece(self) -> None:
        self._next_piece = None
        if (self.is_full and not self.close_sent) or self.transport.is_closing():
            return
        piece = bytes(self._unparsed[:PIECE_BYTES])
        del self._unparsed[:PIECE_BYTES]
        super().data_received(piece)
        self._read_on()

    def _forget_unheard(self) -> None:
        """What was said before the end has no answer any more."""
        waiting = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        for event in waiting:
            if event["type"] != "websocket.receive":
                self.queue.put_nowait(event)

    # Whichever way a socket is closed, its transport waits until all is sent, which may be never.

    def eof_received(self) -> None:
        super().eof_received()
        self._let_go_soon()

    def handle_close(self, event: Frame) -> None:
        self._forget_unheard()
        super().handle_close(event)
        self._let_go_soon()

    def handle_parser_exception(self) -> None:
        """Whatever still comes is read and forgotten: closed over it, the other side would not hear why."""
        self._forget_unheard()
        self._unparsed.clear()
        self._is_deaf, self.close_sent, self.read_paused = True, True, False
        self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_code or _NO_CODE})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)  # until then uvicorn waits
        self._let_go_soon()
        self._read_on()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._let_go_soon()

    def shutdown(self) -> None:
        super().shutdown()
        self._let_go_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._last_call:
            self._last_call.cancel()
        self._forget_unheard()
        super().connection_lost(exc)

    def _let_go_soon(self) -> None:
        if self._last_call is None and not self.disconnected:
            self._last_call = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


class HttpWire(HttpToolsProtocol):
    """
    Tells its application how to let go of a connection whose other side takes nothing any more.

    Lets go of those that say no whole head of a request in HEAD_SECONDS, or one that is too long.
    """

    _late: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_socket = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # it is said wider
        super().connection_made(transport)
        self.app_state = {**self.app_state, _ABORT: transport.abort}  # each request has a copy, as scope["state"]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_socket:
            return
        if self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body):  # within a head
            self._await_head()
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.transport.abort()
        elif self._late:
            self._stop_waiting()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self._is_socket = True
        self._stop_waiting()

    def _await_head(self) -> None:
        self._late = self._late or self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._head_bytes = 0
        if self._late:
            self._late.cancel()
            self._late = None


def abort(scope: Scope) -> None:
    """Let go of the connection that a request came by."""
    scope["state"][_ABORT]()


def wire_of(scope: Scope) -> Wire:
    found: Wire = scope["extensions"][EXTENSION]
    return found
