"""
Who is here: what the connections of this process say, told to all processes, and the rooms that are watched in it.

What is said goes to the store, which forgets it after some seconds unless it is kept, and then as news over the bus. A
room is what the store has and what the news say since; it is compared with the store now and then. So a lost
publication costs a short delay, and whoever is cut off, or whose process dies, is gone when their seconds are over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal
from weakref import WeakValueDictionary

import msgspec
import structlog
from broadcaster import Broadcast

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.permissions import Actor
from domain.presence import MOST_PRESENT, Presence, by_coming, crowded, require_state
from storage.bus import RESYNC
from storage.presences import Presences
from streams.feeds.hearing import HeardChannel, Hearing
from streams.presence.couriers import Answer, Courier, channel_of, decode
from streams.presence.room import PresenceChange, Room
from streams.presence.visitors import Pace, Visitor

__all__ = ["PresenceChange", "Room", "Rooms"]

ENTER_SECONDS = 2.0
MOST_PLACES = 50

log = structlog.get_logger(__name__)


class Rooms:
    """
    `seconds` is how long the store remembers somebody of whom it hears nothing more.

    While the store is away, what is said here is told here; whom it has forgotten when it is back is put there again.
    """

    def __init__(self, bus: Broadcast, presences: Presences, *, seconds: float) -> None:
        self._presences = presences
        self._seconds = seconds
        self._courier = Courier(bus, presences, seconds, self._turn_away)
        self._hearing = Hearing(bus, partial(_WatchedRoom, resync=self._resync))
        self._visitors: dict[Id, Visitor] = {}
        self._paces: WeakValueDictionary[tuple[Id, str], Pace] = WeakValueDictionary()  # of those who are connected
        self._here: dict[Id, dict[Id, Presence]] = {}  # who is connected to this process, by project
        self._keep_now, self._compare_now = asyncio.Event(), asyncio.Event()
        self._is_away = False
        self._whole_from = 0.0  # until then the store may lack those whom it lost, and who are not put again yet

    async def say(self, connection_id: Id, project_id: Id, actor: Actor, state: dict[str, Any]) -> None:
        """
        Come into a project, or say something new there. Nothing may be said after `leave_all`.

        Of what somebody says more often than CHANGES_PER_SECOND, on all their connections here together, the newest of
        each goes out, in its turn; coming is told at once, and takes a turn. Raises VALIDATION_ERROR for a state that
        cannot be, QUOTA_EXCEEDED where too many are present.
        """
        said = Presence(
            connection_id=connection_id,
            project_id=project_id,
            subject=actor.subject,
            name=actor.name,
            state=require_state(state),
            since=datetime.now(UTC),
            version=0,
        )
        visitor = self._visitors.get(connection_id) or self._come(connection_id, actor)
        if project_id in visitor.places:
            visitor.change(project_id, said)
        else:
            self._require_space(visitor, project_id)
            await self._enter(visitor, said)

    def leave(self, project_id: Id, connection_id: Id) -> None:
        """Leave a project: a change like others, in its turn."""
        visitor = self._visitors.get(connection_id)
        if visitor and project_id in visitor.places:
            visitor.change(project_id, None)

    def leave_all(self, connection_id: Id) -> None:
        """The connection is over: it leaves wherever it is, at once."""
        if visitor := self._visitors.pop(connection_id, None):
            for project_id in list(visitor.places):
                self._go_away(visitor, self._here[project_id][connection_id])

    @asynccontextmanager
    async def watch(self, project_id: Id) -> AsyncIterator[Room]:
        """The project's room, which all who watch it here share; it holds everybody when the block begins."""
        async with self._hearing.hear(project_id) as watched:
            tries = watched.tries
            async with watched.comparing:
                if not watched.is_whole and watched.tries == tries:
                    await self._tried(self._compare(watched))
                    watched.tries += 1
            yield watched.room

    async def of(self, project_id: Id) -> list[Presence]:
        """Who is present, in the order they came; while the store is away, those who are known here."""
        try:
            found = await self._presences.of(project_id)
        except DomainError:
            watched = self._hearing.channels.get(project_id)
            found = list(watched.room.members.values()) if watched else []
        return sorted(self._with_ours(project_id, found), key=by_coming)

    async def run(self) -> None:
        """Carry what is said, keep who is here, and compare the rooms with the store, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._courier.run())
            tasks.create_task(self._again_and_again(self._keep, self._keep_now))
            tasks.create_task(self._again_and_again(self._compare_all, self._compare_now))

    async def close(self) -> None:
        """All of this process leave; the others are told while `run` still runs."""
        for connection_id in list(self._visitors):
            self.leave_all(connection_id)
        await self._courier.finish()

    def _come(self, connection_id: Id, actor: Actor) -> Visitor:
        pace = self._paces.setdefault((actor.organization_id, actor.subject), Pace())
        visitor = self._visitors[connection_id] = Visitor(connection_id, pace, self._change)
        return visitor

    def _change(self, visitor: Visitor, project_id: Id, said: Presence | None) -> bool:
        known = self._here[project_id][visitor.id]
        if said is None:
            self._go_away(visitor, known)
        elif _says_the_same(said, known):
            return False
        else:
            self._tell("updated", visitor, replace(said, since=known.since))
        return True

    def _require_space(self, visitor: Visitor, project_id: Id) -> None:
        """As far as it is known here; the last word is the store's."""
        watched = self._hearing.channels.get(project_id)
        if len(watched.room.members if watched else self._here.get(project_id, ())) >= MOST_PRESENT:
            raise crowded()
        if len(visitor.places) >= MOST_PLACES:
            message = f"A connection can be present in {MOST_PLACES} projects at once: leave one first"
            raise DomainError(ErrorCode.QUOTA_EXCEEDED, message)

    async def _enter(self, visitor: Visitor, said: Presence) -> None:
        visitor.pace.take_turn()
        answer = self._tell("joined", visitor, said)
        answered, _ = await asyncio.wait({answer}, timeout=ENTER_SECONDS)
        if answered and (refusal := answer.result()):
            raise refusal

    def _tell(self, kind: Literal["joined", "updated"], visitor: Visitor, said: Presence) -> Answer:
        presence = _next_version(visitor, said)
        visitor.places.add(presence.project_id)
        self._here.setdefault(presence.project_id, {})[presence.connection_id] = presence
        if watched := self._hearing.channels.get(presence.project_id):
            watched.room.take(presence)
        return self._courier.carry(PresenceChange(kind, presence))

    def _go_away(self, visitor: Visitor, known: Presence) -> None:
        presence = _next_version(visitor, known)
        self._forget(visitor, presence)
        self._courier.carry(PresenceChange("left", presence))

    def _turn_away(self, presence: Presence) -> None:
        """The store has no space for them, so they never came; what they have said since has its own answer."""
        visitor = self._visitors.get(presence.connection_id)
        if visitor and self._here.get(presence.project_id, {}).get(presence.connection_id) is presence:
            self._forget(visitor, presence)

    def _forget(self, visitor: Visitor, presence: Presence) -> None:
        project_id = presence.project_id
        visitor.forget(project_id)
        visitor.places.discard(project_id)
        del self._here[project_id][presence.connection_id]
        if not self._here[project_id]:
            del self._here[project_id]
        if watched := self._hearing.channels.get(project_id):
            watched.room.leave(presence)

    def _with_ours(self, project_id: Id, found: Iterable[Presence]) -> list[Presence]:
        """Of those who are connected here, this process knows best."""
        ours = self._here.get(project_id, {})
        theirs = (one for one in found if one.connection_id not in ours and not self._courier.is_leaving(one))
        return [*theirs, *ours.values()]

    async def _compare(self, watched: "_WatchedRoom") -> None:
        watched.room.begin_comparing()
        found = await self._presences.of(watched.project_id)
        is_all = asyncio.get_running_loop().time() >= self._whole_from
        watched.room.compare(self._with_ours(watched.project_id, found), complete=is_all)
        watched.is_whole = True

    async def _again_and_again(self, call: Callable[[], Awaitable[None]], now: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds / 3):
                    await now.wait()
            now.clear()
            await self._tried(call())

    async def _keep(self) -> None:
        """Waits for nothing else: whoever is not kept in time has left, as the others see it."""
        ours = [presence for here in self._here.values() for presence in here.values()]
        for presence in await self._presences.keep(ours, self._seconds) if ours else ():
            if newest := self._here.get(presence.project_id, {}).get(presence.connection_id):
                self._courier.carry(PresenceChange("joined", newest))

    async def _compare_all(self) -> None:
        for watched in list(self._hearing.channels.values()):
            async with watched.comparing:
                if watched.ready.is_set():
                    await self._compare(watched)

    async def _tried(self, call: Awaitable[None]) -> None:
        """What fails is tried again with the next check; the first failure is logged, and the end of them."""
        try:
            await call
        except Exception as error:  # noqa: BLE001 - whatever went wrong, those who are present depend on the next one
            self._mistrust()
            if not self._is_away:
                log.warning("presence_unavailable", error=f"{type(error).__name__}: {error}")
            self._is_away = True
        else:
            if self._is_away:
                log.info("presence_available")
            self._is_away = False

    def _resync(self) -> None:
        """News were lost, and perhaps all that the store had."""
        self._mistrust()
        self._keep_now.set()
        self._compare_now.set()

    def _mistrust(self) -> None:
        """Who is not there again, when the processes have had their seconds to put their own again, has left."""
        self._whole_from = asyncio.get_running_loop().time() + self._seconds


class _WatchedRoom(HeardChannel):
    """A room, and the news of it."""

    def __init__(self, project_id: Id, resync: Callable[[], None]) -> None:
        super().__init__(channel_of(project_id))
        self.project_id = project_id
        self.room = Room(project_id)
        self.comparing = asyncio.Lock()
        self.tries = 0
        self.is_whole = False  # it has been compared since the bus is heard
        self._resync = resync

    async def receive(self, message: str) -> None:
        try:
            change = None if message == RESYNC else decode(message)
        except msgspec.MsgspecError:
            log.warning("a message of the bus was not understood", project_id=self.project_id)
            change = None
        if change is None:
            self._resync()
        elif change.kind == "left":
            self.room.leave(change.presence)
        else:
            self.room.take(change.presence)


def _next_version(visitor: Visitor, presence: Presence) -> Presence:
    visitor.version += 1
    return replace(presence, version=visitor.version)


def _says_the_same(said: Presence, known: Presence) -> bool:
    return (said.subject, said.name, said.state) == (known.subject, known.name, known.state)
