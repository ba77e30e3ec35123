"""What both kinds of bus share: they outlive their server, and say so to those who may have missed something."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass

import structlog
from broadcaster import BroadcastBackend, Event
from redis.backoff import EqualJitterBackoff

from storage.bus.inbox import Inbox

_log = structlog.get_logger()
_BACKOFF = EqualJitterBackoff(base=0.1, cap=1.0)  # seconds
_BACKOFF_STEPS = 10


@dataclass(frozen=True, slots=True)
class BusLimits:
    """`call_seconds` bounds each call to the server; after `keepalive_seconds` of silence it is asked for a sign."""

    inbox_events: int = 10_000
    call_seconds: float = 2.0
    keepalive_seconds: float = 10.0


DEFAULT_LIMITS = BusLimits()


class ReconnectingBackend(BroadcastBackend, ABC):
    """
    A bus in front of facts that are kept elsewhere: it may lose messages, but says where.

    After each reconnection every subscribed channel gets RESYNC. Publishing never raises: what cannot be sent within
    `call_seconds` is dropped, and the listeners find it in the database.
    """

    def __init__(self, limits: BusLimits) -> None:
        self._limits = limits
        self._inbox = Inbox(limits.inbox_events)
        self._channels: set[str] = set()
        self._listening: asyncio.Task[None] | None = None
        self._listens = asyncio.Event()
        self._taking_turns = asyncio.Lock()
        self._publish_outage = _Outage("publish")
        self._listen_outage = _Outage("listen")

    async def connect(self) -> None:
        """Start listening. A server that is away is waited for in the background."""
        self._listening = asyncio.create_task(self._keep_listening(), name="bus")
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.call_seconds):
                await self._listens.wait()

    async def disconnect(self) -> None:
        while self._listening and not self._listening.done():
            self._listening.cancel()  # more than once: before Python 3.12 a library's wait_for may swallow it
            await asyncio.wait([self._listening], timeout=self._limits.call_seconds)
        await self._close()

    async def subscribe(self, channel: str) -> None:
        self._channels.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)

    async def publish(self, channel: str, message: str) -> None:
        try:
            # One at a time, so that a channel's messages leave in the order of the calls.
            async with asyncio.timeout(self._limits.call_seconds), self._taking_turns:
                await self._send(channel, message)
        except Exception as error:  # noqa: BLE001 - the caller has committed: nothing here may make it fail
            self._publish_outage.failed(error)
        else:
            self._publish_outage.over()

    async def next_published(self) -> Event:
        return await self._inbox.get()

    @abstractmethod
    async def _listen(self) -> None:
        """One connection, from opening it until it is lost, which raises. Calls `_listening_began` in between."""

    @abstractmethod
    async def _send(self, channel: str, message: str) -> None: ...

    @abstractmethod
    async def _close(self) -> None:
        """Let go of what publishing holds."""

    def _listening_began(self) -> None:
        self._listens.set()
        self._listen_outage.over()

    def _deliver(self, channel: str, message: str) -> None:
        if channel in self._channels:
            self._inbox.put(Event(channel, message))

    async def _keep_listening(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever ended this connection, the next one may last
                self._listen_outage.failed(error)
            await asyncio.sleep(_BACKOFF.compute(min(self._listen_outage.failures, _BACKOFF_STEPS)))


class _Outage:
    """Logs the first failure of a kind and the end of it, not the failures in between."""

    def __init__(self, action: str) -> None:
        self._action = action
        self.failures = 0

    def failed(self, error: Exception) -> None:
        self.failures += 1
        if self.failures == 1:
            _log.warning("bus_unavailable", action=self._action, error=f"{type(error).__name__}: {error}")

    def over(self) -> None:
        if self.failures:
            _log.info("bus_available", action=self._action, failures=self.failures)
        self.failures = 0
