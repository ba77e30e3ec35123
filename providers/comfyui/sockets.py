"""What a server tells of a prompt while it works: how far it is, when to look for its end. All of it may be lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from providers.comfyui.connection import Connection
from providers.comfyui.progress import Progress

CONNECT_SECONDS = 2.0
SILENT_SECONDS = 30.0
REST_SECONDS = 1.0
CLOSE_SECONDS = 1.0
MOST_MESSAGE_BYTES = 4 * 1024 * 1024
MOST_MESSAGES = 8

# Previews that say whose they are; it counts as the first message alone.
_HELLO = '{"type": "feature_flags", "data": {"supports_preview_metadata": true}}'

log = structlog.get_logger(__name__)


@asynccontextmanager
async def listening(
    server: Connection,
    client_id: str,
    progress: Progress,
    news: asyncio.Event,
    *,
    silent_seconds: float = SILENT_SECONDS,
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """
    Hears of the prompts sent under `client_id`; `news` is set when one of them is over.

    Gives what is to be awaited before one is sent: until the server hears us too, or cannot. What it tells to nobody it
    does not tell again.
    """
    listener = _Listener(server, client_id, progress, news, silent_seconds)
    task = asyncio.create_task(listener.listen())
    try:
        yield listener.has_tried
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSE_SECONDS)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Nowhere else."""
        return exc


class _Listener:
    def __init__(
        self, server: Connection, client_id: str, progress: Progress, news: asyncio.Event, silent_seconds: float
    ) -> None:
        self.tried = asyncio.Event()
        self._server = server
        self._address = f"ws{server.url.removeprefix('http')}/ws?clientId={client_id}"
        self._progress = progress
        self._news = news
        self._silent_seconds = silent_seconds
        self._was_lost = False

    async def listen(self) -> None:
        """
        For ever, on one socket after the other.

        A server that sees the old one close after the new one came forgets both: a silent socket is given up too.
        """
        while True:
            try:
                async with self._connect() as socket:
                    await socket.send(_HELLO)
                    self.tried.set()
                    await self._hear(socket)
            except (OSError, TimeoutError, WebSocketException) as error:
                self._say_once(error)
            self.tried.set()
            await asyncio.sleep(REST_SECONDS)  # not at once again at a server that is away

    async def has_tried(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):  # `wait_for` of Python 3.11 may swallow that it is broken off
                await self.tried.wait()

    def _say_once(self, error: Exception) -> None:
        if not self._was_lost:
            log.info(
                "a ComfyUI socket is lost: progress may be late", server=self._server.host, reason=type(error).__name__
            )
        self._was_lost = True

    def _connect(self) -> connect:
        return _Connect(
            self._address,
            additional_headers=self._server.headers,
            compression=None,
            proxy=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MOST_MESSAGE_BYTES,
            max_queue=MOST_MESSAGES,
        )

    async def _hear(self, socket: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(self._silent_seconds):
                message = await socket.recv()
            if isinstance(message, str) and self._is_over(message):
                self._news.set()

    def _is_over(self, message: str) -> bool:
        try:
            told = msgspec.json.decode(message, type=_Message)
        except (msgspec.MsgspecError, RecursionError):
            return False
        return self._progress.hear(told.type, told.data)


class _Message(msgspec.Struct):
    type: str
    data: dict[str, Any]
