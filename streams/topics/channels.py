"""Channels: what happens in the named places, as one stream under one cursor, for all who follow the same."""

import asyncio
from collections.abc import Hashable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from domain.announcements import EVERYBODY
from domain.ids import Id
from storage.announcements import Announcements
from streams.feeds.deliveries import Deliveries, Delivery, Following, Interests, announced
from streams.presence.rooms import Rooms
from streams.topics.encoded import Encoded
from streams.topics.onlookers import Onlooker, Told, snapshot
from streams.topics.topic import Encode, Sink, Source, Topic
from streams.whole import whole


@dataclass(frozen=True, slots=True)
class Origins:
    """Where events come from: what is recorded, who is present, what is announced."""

    deliveries: Deliveries
    rooms: Rooms
    announcements: Announcements


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels(Source):
    """The feeds and rooms that somebody follows; `asked` is where they stood in the feeds, None: from now on."""

    origins: Origins
    interests: Interests
    rooms: frozenset[Id] = frozenset()
    asked: Mapping[Id, int] | None = None

    @property
    def key(self) -> Hashable:
        return frozenset(self.interests.items()), self.rooms

    def topic(self, encode: Encode) -> "ChannelTopic":
        return ChannelTopic(self, encode)

    async def cursor(self) -> str:
        """Where a listener stands who begins now."""
        async with self.origins.deliveries.follow(self.interests) as following:
            return following.cursor

    @property
    def project_id(self) -> Id | None:
        projects = (self.interests.keys() | self.rooms) - {EVERYBODY}
        return next(iter(projects)) if len(projects) == 1 else None

    @property
    def lost(self) -> str | None:
        """Why the cursor leads nowhere, if it does not lead on here."""
        here = self.interests.keys() - {EVERYBODY}
        return None if self.asked is None or here <= self.asked.keys() else "the cursor is of other channels"


@dataclass(slots=True, eq=False)
class _Newcomer:
    """
    Somebody on the way: where they stand, who they were told is present, and that they wait for the topic.

    `goes_on` is set once the topic has taken them in, or cannot: then they follow alone again.
    """

    sink: Sink
    stands: dict[Id, int]
    told: Told
    is_admitted: bool = False
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)


class ChannelTopic(Topic):
    """
    Its sinks all stand at the same place. Who joins follows alone, until nothing more is known than they have; then
    the topic tells them what happened in between and takes them in.

    What was encoded lately is kept, so that many who catch up at once do not have it encoded for each of them.
    """

    def __init__(self, source: Channels, encode: Encode) -> None:
        super().__init__(encode)
        self._source = source
        self._newcomers: dict[_Newcomer, None] = {}
        self._encoded = Encoded(encode)
        self._here: asyncio.Future[tuple[Following, Onlooker]] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        origins = self._source.origins
        async with AsyncExitStack() as stack:
            following = await stack.enter_async_context(origins.deliveries.follow(self._source.interests))
            onlooker = Onlooker(following.wake)
            for project_id in sorted(self._source.rooms):
                await onlooker.enter(stack, origins.rooms, project_id)
            self._here.set_result((following, onlooker))
            async for batch in following.batches():
                for delivery in batch:
                    await self._push(await self._encoded.of(delivery), delivery.about)
                for delivery in onlooker.changes(following.cursor):
                    await self._push(await self.encode(delivery), delivery.about)
                for newcomer in [one for one in self._newcomers if _is_past(following.positions, one.stands)]:
                    await self._admit(newcomer, following, onlooker)

    async def _push(self, payload: bytes, about: Hashable) -> None:
        for sink in list(self.sinks):
            if sink in self.sinks:  # others have had their turn meanwhile
                sink.push(payload, about)
            await self.written()

    async def join(self, sink: Sink, source: Channels) -> bool:
        asked, welcome = source.asked, list[Delivery]()
        if EVERYBODY in source.interests and EVERYBODY not in (asked or {}):
            current, seq = await whole(source.origins.announcements.current_with_seq())
            asked, welcome = {**(asked or {}), EVERYBODY: seq}, [announced(one) for one in current]
        async with source.origins.deliveries.follow(source.interests, asked, source.lost) as following:
            # Until all of them are told, the cursor is one that has them told again.
            before = following.cursor_without(EVERYBODY) if welcome else following.cursor
            sink.begin(before)
            for place, delivery in enumerate(welcome, 1):
                await self._tell(sink, delivery.at(following.cursor if place == len(welcome) else before))
            await self._catch_up(sink, following)
        return True

    async def _catch_up(self, sink: Sink, following: Following) -> None:
        told: Told | None = None
        async for batch in following.batches():
            for delivery in batch:
                await self._tell(sink, delivery)
            if batch:
                continue
            told = await self._tell_presence(sink, following) if told is None else told
            newcomer = _Newcomer(sink, dict(following.positions), told)
            await self._await_admission(newcomer)
            if newcomer.is_admitted:
                return
            following.wake()

    async def _tell_presence(self, sink: Sink, following: Following) -> Told:
        _, onlooker = await self._ready()
        told = onlooker.told()
        for project_id, members in told.items():
            await self._tell(sink, snapshot(following.cursor, project_id, members, onlooker.changed_at))
        return told

    async def _await_admission(self, newcomer: _Newcomer) -> None:
        topics_following, _ = await self._ready()
        self._newcomers[newcomer] = None
        try:
            topics_following.wake()
            await newcomer.goes_on.wait()
            self.require_on()
        finally:
            self._newcomers.pop(newcomer, None)

    async def _ready(self) -> tuple[Following, Onlooker]:
        """What `run` follows and looks at."""
        self.require_on()
        found = await asyncio.shield(self._here)
        self.require_on()
        return found

    async def _admit(self, newcomer: _Newcomer, following: Following, onlooker: Onlooker) -> None:
        """Take somebody in, unless what they lack is kept no more: then they read it and come again."""
        missed = following.since(newcomer.stands)
        if missed is not None and newcomer.sink in self.followers:
            missed += onlooker.since(newcomer.told, following.cursor)
            for payload, about in [(await self._encoded.of(delivery), delivery.about) for delivery in missed]:
                newcomer.sink.push(payload, about)
            newcomer.is_admitted = newcomer in self._newcomers
            if newcomer.is_admitted:
                self.sinks[newcomer.sink] = 0
        newcomer.goes_on.set()

    async def _tell(self, sink: Sink, delivery: Delivery) -> None:
        await sink.has_room()
        sink.push(await self._encoded.of(delivery), delivery.about)
        await self.written()

    def end(self) -> None:
        """Those on the way are woken, so that they see it."""
        super().end()
        if not self._here.done():
            self._here.cancel()
        for newcomer in self._newcomers:
            newcomer.goes_on.set()


def _is_past(positions: Mapping[Id, int], others: Mapping[Id, int]) -> bool:
    return all(positions[feed] >= other for feed, other in others.items())
