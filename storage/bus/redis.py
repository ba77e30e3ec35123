"""The bus over Redis or Valkey pub/sub."""

import asyncio
from contextlib import suppress
from itertools import islice
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
_AT_ONCE = 500
_END_SECONDS = 0.1


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
        self._is_connected = False
        self._changed = asyncio.Event()  # the server may not know yet which channels are wanted
        self._live: set[str] = set()  # the channels of which it has said that it sends them
        self._awaited: dict[str, asyncio.Event] = {}

    async def subscribe(self, channel: str) -> None:
        await super().subscribe(channel)
        if channel in self._live:
            return
        self._changed.set()
        if not self._is_connected:
            return  # the next connection subscribes to it, and says RESYNC
        acknowledged = self._awaited.setdefault(channel, asyncio.Event())
        try:
            with suppress(TimeoutError):  # what is acknowledged later is told by RESYNC
                async with asyncio.timeout(self._limits.call_seconds):
                    await acknowledged.wait()
        finally:
            self._awaited.pop(channel, None)

    async def unsubscribe(self, channel: str) -> None:
        await super().unsubscribe(channel)
        self._changed.set()

    async def _send(self, channel: str, message: str) -> None:
        await self._redis.publish(channel, message)

    async def _close(self) -> None:
        await self._redis.aclose()

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(_SENTINEL)
            self._is_connected = True
            self._changed.set()
            tasks = [asyncio.create_task(self._read(pubsub)), asyncio.create_task(self._keep_told(pubsub))]
            try:
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
            finally:
                self._is_connected = False
                self._live.clear()
                await _end(tasks)

    async def _keep_told(self, pubsub: PubSub) -> None:
        """Tell the server which channels are wanted, many at once where many have come at once."""
        told: set[str] = set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if dropped := list(islice(told - self._channels, _AT_ONCE)):
                self._live.difference_update(dropped)
                told.difference_update(dropped)
                await pubsub.unsubscribe(*dropped)
                self._changed.set()
            if wanted := list(islice(self._channels - told, _AT_ONCE)):
                told.update(wanted)
                await pubsub.subscribe(*wanted)
                self._changed.set()

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
            return
        self._live.add(channel)
        if channel in self._awaited:
            self._awaited[channel].set()
        else:
            self._deliver(channel, RESYNC)  # nobody waits: the connection is a new one, or it took too long


async def _end(tasks: "list[asyncio.Task[None]]") -> None:
    """Cancel them until they have ended, whatever else is canceled meanwhile."""
    while not all(task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait(tasks, timeout=_END_SECONDS)  # more than once: a library's wait_for may swallow it
