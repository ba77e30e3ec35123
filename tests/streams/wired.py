"""A socket between a real client and an outbox over the real wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from app.serving import Server, listen
from app.wires import MOST_MESSAGE_BYTES, HttpWire, Wire, wire_of
from streams.sockets.outbox import Outbox

RECEIVE_BUFFER_BYTES = 4_096


@dataclass
class Wired:
    """`client` reads when it is told to; what it does not read piles up at the other end soon."""

    client: ClientConnection
    wire: Wire
    outbox: Outbox
    stuck: asyncio.Event = field(default_factory=asyncio.Event)

    async def heard(self, count: int) -> list[str]:
        async with asyncio.timeout(20):
            return [str(await self.client.recv()) for _ in range(count)]

    async def fill(self, size: int = 1_000) -> int:
        """Send numbered messages until the socket takes no more; how many there were."""
        count = 0
        while not self.wire.is_full:
            self.outbox.send(numbered(count, size))
            count += 1
            await asyncio.sleep(0)  # the transport has a turn
        return count


def numbered(number: int, size: int) -> bytes:
    return str(number).encode().ljust(size, b" ")


@asynccontextmanager
async def wired() -> AsyncIterator[Wired]:
    accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        accepted.set_result(wire_of(scope))
        await over.wait()

    async with _served(app) as port, connect(f"ws://127.0.0.1:{port}", sock=narrow_socket(port), **_PLAIN) as client:
        wire, stuck = await accepted, asyncio.Event()
        yield Wired(client, wire, Outbox(wire, stuck.set), stuck)
        over.set()
        wire.transport.abort()
        client.transport.abort()  # or, behind what it has not read, it would wait to hear of that


_PLAIN: dict[str, Any] = {
    "compression": None,
    "max_queue": 1,
    "ping_interval": None,
    "close_timeout": 1,
    "max_size": None,
}


def narrow_socket(port: int) -> socket.socket:
    """Connected, with little room for what is not read."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    one.connect(("127.0.0.1", port))
    one.setblocking(False)  # noqa: FBT003 - of the standard library
    return one


@asynccontextmanager
async def _served(app: object) -> AsyncIterator[int]:
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="none",
        http=HttpWire,
        ws=Wire,
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    await server.ready.wait()
    yield listener.getsockname()[1]
    server.stop()
    await serving
