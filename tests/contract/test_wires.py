"""What `app.wires` takes for granted of uvicorn and websockets: where a newer one differs, it is seen here first."""

import asyncio
import inspect
from importlib.metadata import version
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from app.wires import HttpWire, Wire

OVERRIDDEN: dict[type[asyncio.Protocol], dict[str, list[str]]] = {
    WebSocketsSansIOProtocol: {
        "connection_lost": ["exc"],
        "connection_made": ["transport"],
        "data_received": ["data"],
        "eof_received": [],
        "handle_close": ["event"],
        "handle_connect": ["event"],
        "handle_cont": ["event"],
        "handle_parser_exception": [],
        "handle_ping": [],
        "keepalive_timeout": [],
        "pause_writing": [],
        "receive": [],
        "resume_writing": [],
        "send_receive_event_to_app": [],
        "shutdown": [],
    },
    HttpToolsProtocol: {
        "connection_lost": ["exc"],
        "connection_made": ["transport"],
        "data_received": ["data"],
        "handle_websocket_upgrade": [],
    },
}
KEPT: dict[str, Any] = {
    "close_sent": False,
    "disconnected": False,
    "read_paused": False,
    "close_timer": None,
    "frames": [],
}
HANDSHAKE = (
    b"GET /v1/streams HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Line(asyncio.Transport):
    """Takes what is written, and notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.asked: list[str] = []

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.asked.append("pause")

    def resume_reading(self) -> None:
        self.asked.append("resume")

    def is_closing(self) -> bool:
        return "close" in self.asked

    def close(self) -> None:
        self.asked.append("close")


@pytest.fixture
async def sock() -> WebSocketsSansIOProtocol:
    """A socket of uvicorn's own, accepted."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    config = Config(app, http=HttpWire, ws=Wire, ws_per_message_deflate=False, log_config=None)
    config.load()
    one = WebSocketsSansIOProtocol(config, ServerState(), {})
    one.connection_made(Line())
    one.data_received(HANDSHAKE)
    while not one.handshake_complete:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)  # its task has a turn
    return one


async def test_a_connection_keeps_its_requests_and_gives_each_a_copy_of_its_state() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = Config(app, http=HttpWire, ws=Wire, log_config=None)
    config.load()
    one = HttpToolsProtocol(config, ServerState(), {"some": "thing"})
    one.connection_made(Line())
    assert [one.cycle, one.app_state] == [None, {"some": "thing"}]
    one.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert not one.cycle.response_complete
    assert one.scope["state"] == one.app_state
    assert one.scope["state"] is not one.app_state
    await asyncio.gather(*one.tasks)
    assert one.cycle.response_complete


def said(text: bytes) -> bytes:
    return Frame(Opcode.TEXT, text).serialize(mask=True)


def asked(one: WebSocketsSansIOProtocol) -> list[str]:
    assert isinstance(one.transport, Line)
    return one.transport.asked


def test_no_newer_uvicorn_comes_without_a_look_at_it() -> None:
    assert version("uvicorn").split(".")[:2] == ["0", "54"]


@pytest.mark.parametrize("parent", OVERRIDDEN)
def test_what_is_overridden_is_there_and_is_called_alike(parent: type[asyncio.Protocol]) -> None:
    own = Wire if issubclass(Wire, parent) else HttpWire
    overridden = {name for name in vars(own) if name in dir(parent) and inspect.isfunction(vars(own)[name])}
    assert overridden == OVERRIDDEN[parent].keys()
    for name, parameters in OVERRIDDEN[parent].items():
        assert list(inspect.signature(getattr(parent, name)).parameters)[1:] == parameters


async def test_what_a_socket_keeps_has_these_names(sock: WebSocketsSansIOProtocol) -> None:
    assert {name: getattr(sock, name) for name in KEPT} == KEPT
    assert sock.scope["extensions"].keys() == {"websocket.http.response"}
    assert isinstance(sock.queue, asyncio.Queue)
    assert sock in sock.connections


async def test_a_message_stops_reading_until_it_is_taken(sock: WebSocketsSansIOProtocol) -> None:
    sock.data_received(said(b"one") + said(b"two"))
    assert (sock.read_paused, asked(sock), sock.queue.qsize()) == (True, ["pause"], 2)
    assert await sock.receive() == {"type": "websocket.receive", "text": "one"}
    assert sock.read_paused
    assert await sock.receive() == {"type": "websocket.receive", "text": "two"}
    assert (sock.read_paused, asked(sock)) == (False, ["pause", "resume"])


async def test_a_message_may_come_in_any_pieces(sock: WebSocketsSansIOProtocol) -> None:
    for byte in said(b"one"):
        sock.data_received(bytes([byte]))
    assert await sock.receive() == {"type": "websocket.receive", "text": "one"}


async def test_once_it_has_said_its_close_it_takes_nothing_but_the_answer(sock: WebSocketsSansIOProtocol) -> None:
    sock.conn.send_close(4_400, "why")
    sock.conn.data_to_send()
    sock.close_sent = True
    sock.close_timer = sock.loop.call_later(60, asked(sock).append, "late")
    sock.data_received(said(b"one"))
    assert (sock.queue.qsize(), asked(sock)) == (0, [])
    sock.data_received(Frame(Opcode.CLOSE, (4_400).to_bytes(2, "big")).serialize(mask=True))
    assert sock.close_timer is None
    assert asked(sock) == ["close"]


async def test_who_hangs_up_is_told_to_the_application_last(sock: WebSocketsSansIOProtocol) -> None:
    sock.data_received(said(b"one"))
    sock.connection_lost(None)
    assert sock.disconnected
    assert [(await sock.receive())["type"] for _ in range(2)] == ["websocket.receive", "websocket.disconnect"]
