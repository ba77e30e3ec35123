"""Serving: the API and its workers in one process, until a signal says stop."""

import asyncio
import errno
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn

from app.asgi import create_app
from app.notes import announced
from app.parts import Parts, open_parts
from app.seed import ensure_example
from app.settings import Settings
from app.signals import stop_signal
from app.wires import MOST_MESSAGE_BYTES, HttpWire, Wire
from app.working import working
from domain.errors import DomainError, ErrorCode

BACKLOG = 2_048
TICK_SECONDS = 0.1  # uvicorn's own
TURNS_TO_SHOW = 5
MOST_UNSENT_BYTES = 131_072  # of a connection, in the kernel


class Server(uvicorn.Server):
    """uvicorn that tells when it listens, leaves the signals to us, and stops without a look at the clock."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Where nobody is connected there is nothing to wait for; who was just let in shows within a few turns."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for _ in range(TURNS_TO_SHOW):
            await asyncio.sleep(0)  # one turn of the loop
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)


async def serve(settings: Settings, database_url: str, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then drain."""
    stop = stop_signal()
    async with running(settings, database_url) as (parts, _):
        if not stop.is_set():
            on_ready(parts.studio.public_url)
        await stop.wait()


@asynccontextmanager
async def running(settings: Settings, database_url: str) -> AsyncIterator[tuple[Parts, str]]:
    """API and workers while the block lasts; the parts, and the address on this machine."""
    listener = listen(settings.host, settings.port)
    port: int = listener.getsockname()[1]
    async with open_parts(settings, database_url, settings.url(port)) as parts:
        await ensure_example(parts)
        async with working(parts), _listening(parts, listener):
            with announced(settings, listener):
                _settle_garbage()
                yield parts, settings.model_copy(update={"public_url": None}).url(port)


@asynccontextmanager
async def _listening(parts: Parts, listener: socket.socket) -> AsyncIterator[None]:
    drain_seconds = max(1, round(parts.settings.drain_seconds))
    # Who was cut off without a word is noticed within twice that, as soon as one whose process has died.
    sign_of_life_seconds = parts.settings.presence_seconds * 0.6
    server = Server(
        uvicorn.Config(
            create_app(parts),
            loop="none",
            http=HttpWire,
            ws=Wire,
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_ping_interval=sign_of_life_seconds,
            ws_ping_timeout=sign_of_life_seconds,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whom to believe about addresses is decided in `gateway.addresses` alone
            timeout_graceful_shutdown=drain_seconds,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if serving.done():
            raise DomainError(ErrorCode.UNAVAILABLE, "The server ended before it began: its log says why")
        yield
    finally:
        parts.stopping.set()
        parts.attendance.dismiss()
        server.stop()
        ready.cancel()
        await serving


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that a port in use is told before anything else is begun."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, as asyncio looks at that before it lets answers go out at once, whatever is still unacknowledged.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        advice = "--port or EASEL_PORT" if error.errno == errno.EADDRINUSE else "--host or EASEL_HOST"
        message = f"Easel cannot listen on {host}:{port}: {error.strerror}. Choose another with {advice}"
        raise DomainError(ErrorCode.UNAVAILABLE, message) from error
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # else the kernel takes megabytes before it tells that nobody reads
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT_BYTES)
    listener.listen(BACKLOG)
    listener.settimeout(0)
    return listener


def _settle_garbage() -> None:
    """What was made at start stays: the collector need not look at it again, which would pause every request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
