"""The bus over Redis or Valkey pub/sub."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from storage.bus.inbox import RESYNC
from storage.bus.reconnecting import DEFAULT_LIMITS, BusLimits, ReconnectingBackend

# Always subscribed: its acknowledgement tells that a connection listens, and the reader always has something to read.
_SENTINEL = "easel:bus"


class RedisBackend(ReconnectingBackend):
    def __init__(self, url: str, limits: BusLimits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",
            socket_timeout=limits.call_seconds,
            socket_connect_timeout=limits.call_seconds,
            retry=Retry(NoBackoff(), retries=0),
            # With them on, redis-py takes connections out of its pool without a look whether they have ended.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        self._pubsub: PubSub | None = None
        self._acknowledged: dict[str, asyncio.Event] = {}
        self._changing = asyncio.Lock()

    async def subscribe(self, channel: str) -> None:
        await super().subscribe(channel)
        if self._pubsub is None:
            return  # the next connection subscribes to it, and says RESYNC
        acknowledged = self._acknowledged.setdefault(channel, asyncio.Event())
        try:
            async with self._attempt():
                await self._tell_server(channel)
                await acknowledged.wait()
        finally:
            self._acknowledged.pop(channel, None)

    async def unsubscribe(self, channel: str) -> None:
        await super().unsubscribe(channel)
        async with self._attempt():
            await self._tell_server(channel)

    async def _send(self, channel: str, message: str) -> None:
        await self._redis.publish(channel, message)

    async def _close(self) -> None:
        await self._redis.aclose()

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(_SENTINEL)
            self._pubsub = pubsub
            try:
                if self._channels:
                    await pubsub.subscribe(*self._channels)
                await self._read(pubsub)
            finally:
                self._pubsub = None

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[None]:
        """What fails or takes too long in here is made good by the next connection."""
        # Any exception: a reader that hangs up under a writer makes redis-py raise AttributeError.
        with suppress(Exception):
            async with asyncio.timeout(self._limits.call_seconds):
                yield

    async def _tell_server(self, channel: str) -> None:
        """Whether this channel is wanted. One call at a time, so that the last word is the latest."""
        async with self._changing:
            if self._pubsub is None:
                return
            if channel in self._channels:
                await self._pubsub.subscribe(channel)
            else:
                await self._pubsub.unsubscribe(channel)

    async def _read(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=self._limits.keepalive_seconds)
            if message:
                self._receive(message)
            elif asked:
                raise TimeoutError(f"No sign of life for {2 * self._limits.keepalive_seconds} s")
            else:
                await pubsub.ping()
            asked = not message

    def _receive(self, message: dict[str, Any]) -> None:
        channel = message["channel"]
        if message["type"] == "message":
            self._deliver(channel, message["data"])
        elif message["type"] == "subscribe":
            self._acknowledge(channel)

    def _acknowledge(self, channel: str) -> None:
        if channel == _SENTINEL:
            self._listening_began()
        elif channel in self._acknowledged:
            self._acknowledged[channel].set()
        else:
            self._deliver(channel, RESYNC)  # nobody asked just now: the connection is a new one
