"""Channels of the bus that somebody in this process listens to: one subscription each, as long as anybody does."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import structlog
from broadcaster import Broadcast

from domain.ids import Id

log = structlog.get_logger(__name__)


class Topic(ABC):
    """What a project's channel is about, as this process knows it: shared by all who follow it here."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.users: set[object] = set()
        self.heard = asyncio.Event()  # set once the bus would bring what comes next
        self.listener: asyncio.Task[None] | None = None

    @abstractmethod
    async def receive(self, message: str) -> None:
        """What the bus brought."""


Followed = TypeVar("Followed", bound=Topic)


class Hearing(Generic[Followed]):
    def __init__(self, bus: Broadcast, make: Callable[[Id], Followed]) -> None:
        self.topics: dict[Id, Followed] = {}
        self.listeners: set[asyncio.Task[None]] = set()
        self._bus = bus
        self._make = make

    @asynccontextmanager
    async def hear(self, project_id: Id) -> AsyncIterator[Followed]:
        """The project's topic, of which nothing is missed any more; what was before is for the caller to read."""
        topic, user = self.topics.get(project_id) or self._open(project_id), object()
        topic.users.add(user)
        try:
            await topic.heard.wait()
            yield topic
        finally:
            topic.users.discard(user)
            # Interrupted while it subscribes, the bus would be left half subscribed: then it ends by itself.
            if not topic.users and topic.heard.is_set():
                self._close(project_id, topic)

    def _open(self, project_id: Id) -> Followed:
        topic = self.topics[project_id] = self._make(project_id)
        topic.listener = asyncio.create_task(self._listen(project_id, topic), name=f"hears {topic.channel}")
        self.listeners.add(topic.listener)
        topic.listener.add_done_callback(self.listeners.discard)
        return topic

    def _close(self, project_id: Id, topic: Followed) -> None:
        if self.topics.get(project_id) is topic:
            del self.topics[project_id]
            if topic.listener and topic.listener is not asyncio.current_task():
                topic.listener.cancel()

    async def _listen(self, project_id: Id, topic: Followed) -> None:
        try:
            async with self._bus.subscribe(topic.channel) as messages:
                topic.heard.set()
                while topic.users:
                    await topic.receive((await messages.get()).message)
                self._close(project_id, topic)
        except Exception:
            log.exception("nothing more is heard of the bus", channel=topic.channel)
        finally:
            topic.heard.set()
