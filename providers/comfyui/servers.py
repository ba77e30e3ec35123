"""The ComfyUI servers: which is free, which is away, whose turn it is."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeVar

import structlog

from domain.providers import ProviderError
from providers.comfyui import failures
from providers.comfyui.answers import read_queue_length
from providers.comfyui.connection import Answer, Away, Connection, TooLarge

PASS_OVER_SECONDS = 10.0
PROBE_SECONDS = 3.0

Read = TypeVar("Read")

log = structlog.get_logger(__name__)


class Server:
    """One server, and what is known of it; `calls` are those of this process that are at work there."""

    def __init__(self, url: str, *, pass_over_seconds: float = PASS_OVER_SECONDS) -> None:
        self.connection = Connection(url)
        self.calls = 0
        self.reason = ""
        self._pass_over_seconds = pass_over_seconds
        self._away_since: float | None = None
        self._asked_at = 0.0

    @property
    def url(self) -> str:
        return self.connection.url

    @property
    def host(self) -> str:
        return self.connection.host

    @property
    def away_seconds(self) -> float:
        """For how long it has answered nothing that can be used."""
        return 0.0 if self._away_since is None else time.monotonic() - self._away_since

    @property
    def is_passed_over(self) -> bool:
        return self._away_since is not None and time.monotonic() - self._asked_at < self._pass_over_seconds

    async def ask(self, method: str, path: str, read: Callable[[Answer], Read], **how: Any) -> Read:
        """What `read` makes of the answer. Raises Away, also where it can make nothing of it."""
        try:
            told = read(await self.connection.ask(method, path, **how))
        except TooLarge:
            self._is_back()
            raise
        except Away as away:
            self._is_away(away.reason)
            raise
        self._is_back()
        return told

    async def queue_length(self) -> float:
        """How many prompts it has before it, of whomever; infinite where it is away."""
        try:
            return await self.ask("GET", "/prompt", read_queue_length, seconds=PROBE_SECONDS)
        except Away:
            return math.inf

    def _is_away(self, reason: str) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning("a ComfyUI server is away", server=self.host, reason=reason)
        self.reason, self._asked_at = reason, time.monotonic()

    def _is_back(self) -> None:
        if self._away_since is not None:
            log.info("a ComfyUI server is back", server=self.host, away_seconds=round(self.away_seconds, 1))
        self._away_since = None


class Servers:
    """Gives each call a server of its own: first come, first served, emptiest queue first, in turn among equals."""

    def __init__(self, urls: Sequence[str], *, pass_over_seconds: float = PASS_OVER_SECONDS) -> None:
        self._servers = [
            Server(url, pass_over_seconds=pass_over_seconds) for url in dict.fromkeys(url.rstrip("/") for url in urls)
        ]
        self._pass_over_seconds = pass_over_seconds
        self._turn = asyncio.Lock()
        self._given_back = asyncio.Event()
        self._next = 0

    def __len__(self) -> int:
        return len(self._servers)

    def find(self, url: str) -> Server | None:
        return next((server for server in self._servers if server.url == url), None)

    async def close(self) -> None:
        for server in self._servers:
            await server.connection.close()

    @asynccontextmanager
    async def one(self, tried: Collection[Server] = ()) -> AsyncIterator[Server]:
        """A server nobody here uses, once there is one. Raises ProviderError when all but those `tried` are away."""
        with ExitStack() as held:
            async with self._turn:
                server = await self._free(tried)
                held.enter_context(self.this(server))
            yield server

    @contextmanager
    def this(self, server: Server) -> Iterator[None]:
        """Keeps the calls that come away from this server, where a prompt of ours is."""
        server.calls += 1
        try:
            yield
        finally:
            server.calls -= 1
            self._given_back.set()

    async def _free(self, tried: Collection[Server]) -> Server:
        while True:
            self._given_back.clear()
            server = await self._emptiest(tried)
            if server is not None:
                return server
            if not any(server.calls for server in self._servers if server not in tried):
                raise self._all_away()
            try:
                async with asyncio.timeout(self._pass_over_seconds):
                    await self._given_back.wait()
            except TimeoutError:
                continue  # one that was away may be back

    async def _emptiest(self, tried: Collection[Server]) -> Server | None:
        """One that was away a moment ago is asked only where there is no other."""
        in_turn = self._servers[self._next :] + self._servers[: self._next]
        free = [server for server in in_turn if not server.calls and server not in tried]
        likely = [server for server in free if not server.is_passed_over]
        unlikely = [server for server in free if server.is_passed_over]
        for servers in (likely, unlikely):
            server = await _emptiest_of(servers)
            if server is not None:
                self._next = (self._servers.index(server) + 1) % len(self._servers)
                return server
        return None

    def _all_away(self) -> ProviderError:
        reasons = {server.reason for server in self._servers if server.reason}
        reason = "; ".join(sorted(reasons)) or "none is set"
        return failures.away(reason, retry_after_seconds=self._pass_over_seconds)


async def _emptiest_of(servers: Sequence[Server]) -> Server | None:
    lengths = await asyncio.gather(*(server.queue_length() for server in servers))
    there = sorted((length, number) for number, length in enumerate(lengths) if length < math.inf)
    # Meanwhile, a prompt of a worker that was lost may have been taken up there.
    return next((servers[number] for _, number in there if not servers[number].calls), None)
