"""What has arrived from the bus and was not taken yet."""

import asyncio
from collections import deque

from broadcaster import Event

# The message that stands for messages lost: whoever gets it reads from the database what it missed.
RESYNC = ""


class Inbox:
    """A bounded queue. When it is full, RESYNC takes the place of all that a channel had waiting in it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._behind: dict[str, None] = {}  # a set in the order of arrival
        self._filled = asyncio.Event()

    def put(self, event: Event) -> None:
        if len(self._events) >= self._limit:
            self._behind.update(dict.fromkeys(queued.channel for queued in self._events))
            self._events.clear()
        self._events.append(event)
        self._filled.set()

    async def get(self) -> Event:
        while not (self._behind or self._events):
            self._filled.clear()
            await self._filled.wait()
        if self._behind:
            channel = next(iter(self._behind))
            del self._behind[channel]
            return Event(channel, RESYNC)
        return self._events.popleft()
