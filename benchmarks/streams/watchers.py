"""
A client of WebSockets that costs little: it walks over frames, looks for a mark, and counts.

What it says is masked with zeros, which every server takes and no browser may do.
"""

import asyncio
import base64
import json
import os
import struct
from collections.abc import Callable
from typing import Any, cast

from benchmarks.streams.jobs import Topic
from benchmarks.streams.speech import Speech, encoded

_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
_MARK_WITHIN = 160  # bytes of a message
_ABNORMAL = 1006


class Tally:
    """What all watchers together have got; `told` hears of each delivery, where it is set."""

    def __init__(self) -> None:
        self.delivered = 0
        self.received_bytes = 0
        self.told: Callable[[Watcher, bytes], None] | None = None
        self.failure: str | None = None
        self._target = 0
        self._reached = asyncio.Event()

    async def reach(self, delivered: int, limit_seconds: float) -> None:
        """Return once there were so many deliveries. Raises TimeoutError."""
        self._target = delivered
        self._reached.clear()
        if self.delivered < delivered:
            async with asyncio.timeout(limit_seconds):
                await self._reached.wait()

    def count(self, length: int) -> None:
        self.delivered += 1
        self.received_bytes += length
        if self.delivered >= self._target:
            self._reached.set()


class Watcher(asyncio.Protocol):
    """Connects, says who it is, subscribes to a topic, and tells the tally of what comes."""

    def __init__(self, speech: Speech, topic: Topic, tally: Tally, api_key: str, path: str = "/v1/streams") -> None:
        self.topic = topic
        self.subscribed = asyncio.Event()  # it has asked to be, or is closed
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._speech, self._tally, self._api_key, self._path = speech, tally, api_key, path
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        nonce = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self._speech.subprotocol}\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self._end(_ABNORMAL, str(error or "the connection ended"))

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at = 0 if self._upgraded else self._upgrade(data)
        if not self._upgraded:
            self._rest = data
            return
        end, mark, tally = len(data), self._speech.mark, self._tally
        while end - at >= 2:
            length, start = data[at + 1], at + 2
            if length >= 126:
                start += 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : start])
            if start + length > end:
                break
            if data[at] == _TEXT and data.find(mark, start, min(start + _MARK_WITHIN, start + length)) >= 0:
                if tally.told is not None:
                    tally.told(self, data[start : start + length])
                tally.count(length)
            else:
                self._hear(data[at], data[start : start + length])
            at = start + length
        self._rest = data[at:]

    def stall(self) -> None:
        """Read nothing more."""
        if self._transport:
            self._transport.pause_reading()

    def read_on(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def port(self) -> int:
        """Its own."""
        found: int = self._transport.get_extra_info("sockname")[1] if self._transport else 0
        return found

    def _upgrade(self, data: bytes) -> int:
        """Where the frames begin, once the whole answer is there."""
        head, found, _ = data.partition(b"\r\n\r\n")
        if not found:
            return 0
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            self._end(_ABNORMAL, head.decode("latin-1"))
            return 0
        self._upgraded = True
        self._say(self._speech.hello(self._api_key))
        return len(head) + len(found)

    def _hear(self, opcode: int, message: bytes) -> None:
        if opcode == _PING:
            self._send(_PONG, message)
        elif opcode == _CLOSE:
            code, reason = struct.unpack_from("!H", message)[0] if message else 1005, message[2:].decode()
            self._end(code, f"closed {code} {reason}")
            self._send(_CLOSE, message[:2])
        elif opcode == _TEXT:
            self._answer(json.loads(message))
        elif self._upgraded and opcode != _PONG:
            self._tally.failure = f"a frame of a kind that is not expected: {opcode:#x}"

    def _answer(self, said: dict[str, Any]) -> None:
        match said.get("type"):
            case self._speech.welcome:
                self._say(self._speech.subscribe(self.topic))
                self.subscribed.set()
            case "ping":
                self._say({"type": "pong"})
            case "error" | "complete":
                self._tally.failure = json.dumps(said)

    def _say(self, message: dict[str, Any]) -> None:
        self._send(_TEXT, encoded(message))

    def _send(self, opcode: int, message: bytes) -> None:
        length = len(message)
        size = struct.pack("!B", 0x80 | length) if length < 126 else struct.pack("!BH", 0x80 | 126, length)
        if self._transport:
            self._transport.write(bytes((opcode,)) + size + b"\0\0\0\0" + message)

    def _end(self, code: int, reason: str) -> None:
        self.subscribed.set()
        if not self.closed.done():
            self.closed.set_result(code)
            self._tally.failure = self._tally.failure or reason
