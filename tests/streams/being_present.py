"""What the tests of presence come, speak and watch with; run, it is a process that is present until it is killed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from broadcaster import Broadcast

from domain.ids import Id, new_id
from domain.permissions import Actor, ActorKind, Permission
from domain.presence import Presence
from storage.bus import BusLimits, create_bus
from storage.presences import open_presences
from streams.presence.room import PresenceChange, Room
from streams.presence.rooms import Rooms

SECONDS = 1.5
ORGANIZATION = new_id()
BRISK = BusLimits(call_seconds=0.5, keepalive_seconds=0.2)


@asynccontextmanager
async def rooms_of(redis_url: str | None, seconds: float = SECONDS) -> AsyncIterator[Rooms]:
    """What one process has; its end tells nobody that those on it leave, as a crash would not, unless it is closed."""
    bus = create_bus(redis_url=redis_url, database_url="", limits=BRISK) if redis_url else Broadcast("memory://")
    async with bus, open_presences(redis_url) as presences:
        rooms = Rooms(bus, presences, seconds=seconds)
        running = asyncio.create_task(rooms.run())
        try:
            yield rooms
        finally:
            await rooms._courier.finish()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@dataclass
class Person:
    """Somebody with a connection to a process."""

    rooms: Rooms
    project_id: Id
    subject: str = "ada"
    connection_id: Id = field(default_factory=new_id)
    organization_id: Id = ORGANIZATION

    async def say(self, **state: Any) -> "Person":
        kind, nothing = ActorKind.PERSON, frozenset[Permission]()
        actor = Actor(subject=self.subject, kind=kind, organization_id=self.organization_id, permissions=nothing)
        await self.rooms.say(self.connection_id, self.project_id, actor, state)
        return self

    def leave(self) -> None:
        self.rooms.leave(self.project_id, self.connection_id)

    def hang_up(self) -> None:
        self.rooms.leave_all(self.connection_id)


@dataclass
class Watcher:
    """Somebody who watches a room: what they were told so far, and when."""

    room: Room
    told: list[PresenceChange] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, change: PresenceChange) -> None:
        self.told.append(change)
        self.moments.append(asyncio.get_running_loop().time())
        self._more.set()

    async def has(self, count: int) -> list[tuple[str, str]]:
        """Kinds and subjects of what was told, once it is so much."""
        async with asyncio.timeout(15):
            while len(self.told) < count:
                self._more.clear()
                await self._more.wait()
        return [(change.kind, change.presence.subject) for change in self.told]

    async def hears(self, **state: Any) -> None:
        """Until somebody says this."""
        async with asyncio.timeout(15):
            while not any(change.presence.state == state for change in self.told):
                self._more.clear()
                await self._more.wait()

    @property
    def members(self) -> list[Presence]:
        return list(self.room.members.values())

    @property
    def subjects(self) -> list[str]:
        return [presence.subject for presence in self.members]


@asynccontextmanager
async def watching(rooms: Rooms, project_id: Id) -> AsyncIterator[Watcher]:
    async with rooms.watch(project_id) as room:
        watcher = Watcher(room)
        room.listeners.add(watcher.take)
        yield watcher
        room.listeners.discard(watcher.take)


async def _be_present(redis_url: str, project_id: str, subject: str) -> None:
    async with rooms_of(redis_url) as rooms:
        await Person(rooms, Id(project_id), subject).say(at="work")
        await asyncio.sleep(60)  # until it is killed


if __name__ == "__main__":
    asyncio.run(_be_present(*sys.argv[1:]))
