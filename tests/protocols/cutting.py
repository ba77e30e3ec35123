"""A light client of both protocols of sockets, cut off wherever it is told to be, in the middle of a frame too."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import msgspec

HANDSHAKE = (
    "GET /v1/streams HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: {protocol}\r\nX-API-Key: {key}\r\n\r\n"
)
STREAM = """subscription($after: String) {
  stream(channels: [{name: RUNS}], after: $after) { cursor event payload }
}"""
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A
_NO_MASK = b"\x00\x00\x00\x00"  # a mask that changes nothing


class _Subject(msgspec.Struct):
    id: str
    version: int


class _Event(msgspec.Struct):
    event: str
    cursor: str
    payload: _Subject


class _Data(msgspec.Struct):
    stream: _Event


class _Answer(msgspec.Struct):
    data: _Data | None = None


class _Message(msgspec.Struct):
    """What GraphQL's protocol says."""

    type: str
    id: str = ""
    payload: _Answer | None = None

    @property
    def is_welcome(self) -> bool:
        return self.type == "connection_ack"

    @property
    def happened(self) -> _Event | None:
        return self.payload.data.stream if self.payload and self.payload.data else None


class _Envelope(msgspec.Struct):
    """What the plain envelope says."""

    type: str = ""
    id: str = ""
    event: str = ""
    cursor: str = ""
    payload: _Subject | None = None

    @property
    def is_welcome(self) -> bool:
        return self.type == "authenticated"

    @property
    def happened(self) -> _Event | None:
        return _Event(self.event, self.cursor, self.payload) if self.payload else None


class Protocol:
    """What is said to begin, to subscribe, and how the answers are read."""

    def __init__(self, name: str, hello: object, answer: type[_Message | _Envelope]) -> None:
        self.name = name
        self.hello = hello
        self.read = msgspec.json.Decoder(answer).decode

    def subscription(self, id: str, cursor: str) -> object:
        asked = {"query": STREAM, "variables": {"after": cursor}}
        return {"id": id, "type": "subscribe", "channel": "runs", "after": cursor, "payload": asked}


Told = tuple[str, str, int]


GRAPHQL = Protocol("graphql-transport-ws", {"type": "connection_init"}, _Message)


def envelope(key: str) -> Protocol:
    return Protocol("easel.v1", {"type": "auth", "apiKey": key}, _Envelope)


@dataclass(slots=True)
class Stream:
    cursor: str
    heard: list[Told] = field(default_factory=list)


@dataclass(slots=True)
class Follower:
    """Streams of one project over one socket, until each has heard `most` events; cut off at each count of `cuts`."""

    protocol: Protocol
    url: str
    key: str
    streams: list[Stream]
    cuts: deque[int]
    most: int
    heard: int = 0
    connections: int = 0

    async def follow(self) -> None:
        address, loop = urlsplit(self.url), asyncio.get_running_loop()
        host, port = address.hostname or "", address.port or 80
        while not self.is_done:
            ended = loop.create_future()
            await loop.create_connection(partial(_Connection, self, ended.set_result), host, port)
            self.connections += 1
            if why := await ended:
                raise AssertionError(f"after {self.heard} events the server hung up: {why}")

    @property
    def is_done(self) -> bool:
        return self.heard >= self.most * len(self.streams)

    def take(self, stream: Stream, event: _Event) -> bool:
        """Whether the line holds."""
        stream.cursor = event.cursor
        stream.heard.append((event.event, event.payload.id, event.payload.version))
        self.heard += 1
        if self.cuts and self.heard >= self.cuts[0]:
            self.cuts.popleft()
            return False
        return not self.is_done


class _Connection(asyncio.Protocol):
    def __init__(self, follower: Follower, end: Callable[[str], None]) -> None:
        self._follower = follower
        self._end: Callable[[str], None] | None = end
        self._buffer = b""
        self._upgraded = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        host, protocol = urlsplit(self._follower.url).netloc, self._follower.protocol.name
        self._transport.write(HANDSHAKE.format(host=host, key=self._follower.key, protocol=protocol).encode())

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(f"{error or 'end of file'}, {self._buffer[:200]!r}")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._buffer = True, rest
            self._say(self._follower.protocol.hello)
        while self._end and (frame := self._frame()):
            self._hear(*frame)

    def _frame(self) -> tuple[int, bytes] | None:
        """The next frame that is whole: its first byte and what it carries."""
        if len(self._buffer) < 2:
            return None
        length, start = self._buffer[1], 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(self._buffer) < start:
                return None
            length = int.from_bytes(self._buffer[2:start], "big")
        if len(self._buffer) < start + length:
            return None
        first, carried = self._buffer[0], self._buffer[start : start + length]
        self._buffer = self._buffer[start + length :]
        return first, carried

    def _hear(self, first: int, carried: bytes) -> None:
        if first == _PING:
            self._send(_PONG, carried)
            return
        if first != _TEXT:
            self._finish(f"{int.from_bytes(carried[:2], 'big')} {carried[2:]!r}")
            return
        follower = self._follower
        message = follower.protocol.read(carried)
        if message.is_welcome:
            for place, stream in enumerate(follower.streams):
                self._say(follower.protocol.subscription(str(place), stream.cursor))
        elif event := message.happened:
            if not follower.take(follower.streams[int(message.id)], event):
                self._finish("")
        elif message.type != "subscribed":
            self._finish(carried.decode())

    def _say(self, message: object) -> None:
        self._send(_TEXT, json.dumps(message).encode())

    def _send(self, first: int, carried: bytes) -> None:
        size = bytes((0x80 | len(carried),)) if len(carried) < 126 else b"\xfe" + len(carried).to_bytes(2, "big")
        self._transport.write(bytes((first,)) + size + _NO_MASK + carried)

    def _finish(self, why: str) -> None:
        """Hang up at once, without a word, whatever is on its way."""
        if self._end:
            self._end(why)
            self._end = None
            self._transport.abort()
