"""The WebSocket: who gets which message, in one line for all, faults of the real server included."""

import asyncio
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect

# A job without client_id tells these to everybody, the rest to nobody.
FOR_EVERYONE = {"status", "progress_state", "progress", "execution_interrupted"}
JPEG, PNG = 1, 2


@dataclass(frozen=True, slots=True)
class Message:
    type: str
    data: dict[str, Any]

    def frame(self) -> str:
        return json.dumps({"type": self.type, "data": self.data})


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture; before its `progress` for sockets that asked for metadata, after it for the others."""

    prompt_id: str
    node_id: str
    picture: bytes
    format: int
    has_metadata: bool

    def bytes(self) -> bytes:
        if not self.has_metadata:
            return struct.pack(">II", 1, self.format) + self.picture
        metadata = {
            "node_id": self.node_id,
            "prompt_id": self.prompt_id,
            "display_node_id": self.node_id,
            "parent_node_id": None,
            "real_node_id": self.node_id,
            "image_type": "image/jpeg" if self.format == JPEG else "image/png",
        }
        head = json.dumps(metadata).encode()
        return struct.pack(">II", 4, len(head)) + head + self.picture


@dataclass(slots=True)
class Hub:
    """`by_id` is what the server believes, `opened` what is there: the two differ as they do in the real one."""

    features: dict[str, Any]
    by_id: dict[str, WebSocket] = field(default_factory=dict)
    opened: set[WebSocket] = field(default_factory=set)
    with_metadata: set[str] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    is_silent: bool = False
    current: tuple[Any, str | None] = (None, None)
    _line: asyncio.Queue[tuple[Message | Frame, Any]] = field(default_factory=asyncio.Queue)

    def tell(self, message: Message | Frame, client_id: Any = None) -> None:
        self._line.put_nowait((message, client_id))

    async def publish(self) -> None:
        """One after the other: a reader that stalls stalls everybody, as recorded."""
        while True:
            message, client_id = await self._line.get()
            for socket in list(self._audience(message, client_id)):
                await self._send(socket, message)

    async def serve(self, socket: WebSocket, status: Message) -> None:
        sid = socket.query_params.get("clientId") or uuid4().hex
        await socket.accept()
        self.by_id.pop(sid, None)
        self.by_id[sid] = socket
        self.with_metadata.discard(sid)
        await self._count(socket, is_open=True)
        try:
            await self._send(socket, Message(status.type, {**status.data, "sid": sid}))
            if self.current[0] == sid and self.current[1] is not None:
                await self._send(socket, Message("executing", {"node": self.current[1]}))
            await self._read(socket, sid)
        except WebSocketDisconnect:
            pass
        finally:
            # By name, whoever has it by now: closing an older socket makes the server forget the newer one.
            self.by_id.pop(sid, None)
            await self._count(socket, is_open=False)

    def cut(self) -> None:
        for socket in self.opened:
            socket.scope["transport"].abort()

    def _audience(self, message: Message | Frame, client_id: Any) -> Iterator[WebSocket]:
        if isinstance(message, Message) and message.type == "status":
            client_id = None
        if client_id is None and isinstance(message, Message) and message.type not in FOR_EVERYONE:
            return
        for sid, socket in self.by_id.items():
            is_meant = client_id is None or client_id == sid
            if is_meant and (isinstance(message, Message) or message.has_metadata == (sid in self.with_metadata)):
                yield socket

    async def _send(self, socket: WebSocket, message: Message | Frame) -> None:
        if self.is_silent:
            return
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            if isinstance(message, Frame):
                await socket.send_bytes(message.bytes())
            else:
                await socket.send_text(message.frame())

    async def _read(self, socket: WebSocket, sid: str) -> None:
        """Only the first message counts, and only if it speaks of features."""
        is_first = True
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            if is_first and (flags := _flags(received.get("text"))) is not None:
                if flags.get("supports_preview_metadata"):
                    self.with_metadata.add(sid)
                await self._send(socket, Message("feature_flags", self.features))
            is_first = False

    async def _count(self, socket: WebSocket, *, is_open: bool) -> None:
        async with self.changed:
            (self.opened.add if is_open else self.opened.discard)(socket)
            self.changed.notify_all()


def _flags(text: str | None) -> dict[str, Any] | None:
    try:
        message = json.loads(text or "null")
    except ValueError:
        return None
    if isinstance(message, dict) and message.get("type") == "feature_flags":
        return dict(message.get("data") or {})
    return None
