"""Sockets that say any bytes at once, read when they are told to, and end as rudely as they like."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from app.seed import DevelopmentKey
from tests.faults.plain_sockets import Speech

LIMIT_SECONDS, READ_BYTES = 20.0, 65_536


@dataclass(slots=True, eq=False)
class RawSocket:
    sock: socket.socket
    protocol: ClientProtocol
    _heard: list[Any] = field(default_factory=list)

    async def write(self, *frames: bytes) -> None:
        """All of them at once; as long as it takes."""
        await asyncio.get_running_loop().sock_sendall(self.sock, b"".join(frames))

    async def say(self, **message: Any) -> None:
        await self.write(text(message))

    async def hear(self) -> dict[str, Any]:
        """The next message; `{"closed": code}` where there is none."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not self._heard:
                await self._read()
        message: dict[str, Any] = self._heard.pop(0)
        return message

    async def hear_until(self, **members: Any) -> dict[str, Any]:
        """The first message that has these."""
        while not members.items() <= (message := await self.hear()).items():
            assert "closed" not in message, message
        return message

    async def _read(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self.sock, READ_BYTES)
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
        for event in self.protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._heard.append(json.loads(bytes(event.data)))
        if self.protocol.close_rcvd or not data:
            self._heard.append({"closed": self.protocol.close_rcvd.code if self.protocol.close_rcvd else None})
        elif answers := self.protocol.data_to_send():
            await self.write(*answers)


def text(message: Any) -> bytes:
    """A frame with this object, or with this text."""
    said = message if isinstance(message, str) else json.dumps(message)
    return Frame(Opcode.TEXT, said.encode()).serialize(mask=True)


def ping(payload: bytes = b"") -> bytes:
    return Frame(Opcode.PING, payload).serialize(mask=True)


def close(code: int = 1000) -> bytes:
    return Frame(Opcode.CLOSE, code.to_bytes(2, "big")).serialize(mask=True)


@asynccontextmanager
async def opened(
    key: DevelopmentKey, speech: Speech, *, port: int = 0, narrow: bool = False
) -> AsyncIterator[RawSocket]:
    """Connected, without a word about who it is; a narrow one has little room for what is not read."""
    address = urlsplit(key.url)
    with socket.socket() as sock:
        if narrow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.setblocking(False)  # noqa: FBT003 - of the standard library
        await asyncio.get_running_loop().sock_connect(sock, (address.hostname, port or address.port))
        uri = parse_uri(f"ws://{address.netloc}/v1/streams")
        protocol = ClientProtocol(uri, subprotocols=[speech], max_size=None)  # type: ignore[list-item]
        protocol.send_request(protocol.connect())
        one = RawSocket(sock, protocol)
        await one.write(*protocol.data_to_send())
        async with asyncio.timeout(LIMIT_SECONDS):
            while protocol.state.name == "CONNECTING":
                await one._read()
        yield one


@asynccontextmanager
async def introduced(key: DevelopmentKey, speech: Speech, **more: Any) -> AsyncIterator[RawSocket]:
    """The same, and let in with the key."""
    async with opened(key, speech, **more) as one:
        await introduce(one, key, speech)
        yield one


async def introduce(one: RawSocket, key: DevelopmentKey, speech: Speech) -> None:
    if speech is Speech.GRAPHQL:
        await one.say(type="connection_init", payload={"apiKey": key.apiKey})
        await one.hear_until(type="connection_ack")
    else:
        await one.say(type="auth", apiKey=key.apiKey)
        await one.hear_until(type="authenticated")


async def enter_all(stack: AsyncExitStack, sockets: Iterable[Any]) -> list[RawSocket]:
    return [await stack.enter_async_context(one) for one in sockets]
