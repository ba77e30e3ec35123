"""Clients of `/v1/streams` over sockets of their own: what they do not read, nothing reads for them."""

import asyncio
import json
import re
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri

from app.seed import DevelopmentKey

LIMIT_SECONDS = 20.0
READ_BYTES = 65_536
LAST_CHUNK = b"0\r\n\r\n"
STREAM = """subscription($after: String) {
  stream(channels: [{name: RUNS}], after: $after) { cursor event payload }
}"""


class Speech(StrEnum):
    GRAPHQL = "graphql-transport-ws"
    ENVELOPE = "easel.v1"
    SOURCE = "server-sent events"


@dataclass(slots=True, eq=False)
class PlainSocket:
    """Subscribed to a project's events; `heard` are their payloads, as far as they were read."""

    speech: Speech
    sock: socket.socket
    protocol: ClientProtocol | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    cursor: str | None = None
    is_over: bool = False
    _rest: bytes = b""

    @property
    def close_code(self) -> int | None:
        said = self.protocol.close_rcvd if self.protocol else None
        return said.code if said else None

    @property
    def numbers(self) -> list[int]:
        return [payload["number"] for payload in self.heard if "number" in payload]

    async def say(self, **message: Any) -> None:
        assert self.protocol
        self.protocol.send_text(json.dumps(message).encode())
        await self.flush()

    async def flush(self) -> None:
        assert self.protocol
        loop = asyncio.get_running_loop()
        for data in self.protocol.data_to_send():
            await loop.sock_sendall(self.sock, data)

    async def read_on(self) -> None:
        """Read until the server closes."""
        while not self.is_over:
            await self.read()

    async def read_until(self, number: int) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not self.is_over and (not self.heard or self.heard[-1].get("number", number) < number):
                await self.read()

    async def read(self) -> None:
        """What has come, at least something."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self.sock, READ_BYTES)
        except ConnectionError:
            data = b""
        if self.protocol:
            self._take_frames(self.protocol, data)
            with suppress(ConnectionError):
                await self.flush()  # with the answer to a ping
        else:
            self._take_events(data)
        self.is_over = self.is_over or not data

    def _take_frames(self, protocol: ClientProtocol, data: bytes) -> None:
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.data and event.opcode == 1:
                self._take(json.loads(bytes(event.data)))
        if protocol.close_rcvd:
            self.is_over = True

    def _take_events(self, data: bytes) -> None:
        self.is_over = data.endswith(LAST_CHUNK)
        *blocks, self._rest = re.split(rb"\r?\n\r?\n", self._rest + data)
        for block in blocks:
            if found := re.search(rb"^data: ?(\{.*)", block, re.MULTILINE):
                self._take({"type": "next", "payload": json.loads(found[1])})

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("type") == "next":
            message = message["payload"]["data"]["stream"]
        if "event" in message:
            self.cursor = message["cursor"]
            self.heard.append(message["payload"] | {"event": message["event"]})


async def subscribed(
    stack: ExitStack,
    key: DevelopmentKey,
    speech: Speech,
    *,
    url: str = "",
    receive_bytes: int | None = None,
    after: str | None = None,
    token: str | None = None,
) -> PlainSocket:
    """Connected as long as the stack lasts, and asking for the events of the key's project."""
    who = ("Authorization", f"Bearer {token}") if token else ("X-API-Key", key.apiKey)
    one = await _connected(stack, url or key.url, who, speech, receive_bytes)
    if speech is Speech.GRAPHQL:
        await one.say(type="connection_init")
        await one.say(id="1", type="subscribe", payload={"query": STREAM, "variables": {"after": after}})
    elif speech is Speech.ENVELOPE:
        await one.say(type="subscribe", channel="runs", **({"after": after} if after else {}))
    else:
        asked = json.dumps({"query": STREAM, "variables": {"after": after}}).encode()
        await _request_events(one, url or key.url, who, asked)
    return one


async def _connected(
    stack: ExitStack, url: str, who: tuple[str, str], speech: Speech, receive_bytes: int | None
) -> PlainSocket:
    """Connected; where it is a WebSocket, accepted."""
    sock, address = stack.enter_context(socket.socket()), urlsplit(url)
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.setblocking(False)  # noqa: FBT003 - of the standard library
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (address.hostname, address.port))
    one = PlainSocket(speech, sock)
    if speech is not Speech.SOURCE:
        uri = parse_uri(f"ws://{address.netloc}/v1/streams")
        one.protocol = ClientProtocol(uri, subprotocols=[speech], max_size=None)  # type: ignore[list-item]
        request = one.protocol.connect()
        request.headers[who[0]] = who[1]
        one.protocol.send_request(request)
        await one.flush()
        async with asyncio.timeout(LIMIT_SECONDS):
            while one.protocol.state.name == "CONNECTING":
                one.protocol.receive_data(await loop.sock_recv(sock, READ_BYTES))
        one.protocol.events_received()
        if one.protocol.handshake_exc:
            raise one.protocol.handshake_exc
    return one


async def _request_events(one: PlainSocket, url: str, who: tuple[str, str], asked: bytes) -> None:
    head = (
        f"POST /v1/streams HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n{who[0]}: {who[1]}\r\n"
        f"Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {len(asked)}\r\n\r\n"
    )
    await asyncio.get_running_loop().sock_sendall(one.sock, head.encode() + asked)
