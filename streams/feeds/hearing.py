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


class HeardChannel(ABC):
    """What a project's channel is about, as this process knows it: shared by all who follow it here."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.users: set[object] = set()
        self.ready = asyncio.Event()  # set once the bus would bring what comes next
        self.listener: asyncio.Task[None] | None = None

    @abstractmethod
    async def receive(self, message: str) -> None:
        """What the bus brought."""


Followed = TypeVar("Followed", bound=HeardChannel)


class Hearing(Generic[Followed]):
    def __init__(self, bus: Broadcast, make: Callable[[Id], Followed]) -> None:
        self.channels: dict[Id, Followed] = {}
        self.listeners: set[asyncio.Task[None]] = set()
        self._bus = bus
        self._make = make

    @asynccontextmanager
    async def hear(self, project_id: Id) -> AsyncIterator[Followed]:
        """The project's channel, of which nothing is missed any more; what was before is for the caller to read."""
        heard, user = self.channels.get(project_id) or self._open(project_id), object()
        heard.users.add(user)
        try:
            await heard.ready.wait()
            yield heard
        finally:
            heard.users.discard(user)
            # Interrupted while it subscribes, the bus would be left half subscribed: then it ends by itself.
            if not heard.users and heard.ready.is_set():
                self._close(project_id, heard)

    def _open(self, project_id: Id) -> Followed:
        heard = self.channels[project_id] = self._make(project_id)
        heard.listener = asyncio.create_task(self._listen(project_id, heard), name=f"hears {heard.channel}")
        self.listeners.add(heard.listener)
        heard.listener.add_done_callback(self.listeners.discard)
        return heard

    def _close(self, project_id: Id, heard: Followed) -> None:
        if self.channels.get(project_id) is heard:
            del self.channels[project_id]
            if heard.listener and heard.listener is not asyncio.current_task():
                heard.listener.cancel()

    async def _listen(self, project_id: Id, heard: Followed) -> None:
        try:
            async with self._bus.subscribe(heard.channel) as messages:
                heard.ready.set()
                while heard.users:
                    await heard.receive((await messages.get()).message)
                self._close(project_id, heard)
        except Exception:  # those who follow read from the database what comes by no bus
            log.exception("nothing more is heard of the bus", channel=heard.channel)
        finally:
            heard.ready.set()
