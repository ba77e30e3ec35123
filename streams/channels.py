"""Channels: what happens in the named places, as one stream under one cursor, for all who follow the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from domain.announcements import EVERYBODY
from domain.ids import Id
from storage.announcements import Announcements
from streams.deliveries import Deliveries, Delivery, Following, Interests, announced
from streams.onlookers import Onlooker
from streams.presence import Rooms
from streams.topics import SINKS_AT_ONCE, Encode, Sink, Source, Topic

ENCODED_KEPT = 512


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
    def lost(self) -> str | None:
        """Why the cursor leads nowhere, if it does not lead on here."""
        here = self.interests.keys() - {EVERYBODY}
        return None if self.asked is None or here <= self.asked.keys() else "the cursor is of other channels"


@dataclass(slots=True)
class _Newcomer:
    """Somebody on the way: where they stand, once they have what comes before; whether they have arrived."""

    following: Following
    stands: dict[Id, int]
    is_admitted: bool = False


class ChannelTopic(Topic):
    """
    Its sinks all stand at the same place. Who joins follows alone, until they stand there too.

    What was encoded lately is kept, so that many who catch up at once do not have it encoded for each of them.
    """

    def __init__(self, source: Channels, encode: Encode) -> None:
        super().__init__(encode)
        self._source = source
        self._newcomers: dict[Sink, _Newcomer] = {}
        self._encoded: OrderedDict[Hashable, asyncio.Future[bytes]] = OrderedDict()
        self._following: Following | None = None

    async def run(self) -> None:
        origins = self._source.origins
        async with AsyncExitStack() as stack:
            following = await stack.enter_async_context(origins.deliveries.follow(self._source.interests))
            onlooker = Onlooker(following.wake)
            for project_id in sorted(self._source.rooms):
                await onlooker.enter(stack, origins.rooms, project_id)
            self._following = following
            reached = dict(following.positions)
            async for batch in following.batches():
                await self._admit(reached, onlooker)
                for delivery in batch:
                    await self.push(await self._bytes_of(delivery), delivery.about)
                reached = dict(following.positions)
                for delivery in onlooker.changes(following.cursor):
                    await self.push(await self.encode(delivery), delivery.about)
                await self._admit(reached, onlooker)

    async def push(self, payload: bytes, about: Hashable) -> None:
        for number, sink in enumerate(list(self.sinks), 1):
            if sink in self.sinks:
                sink.push(payload, about)
            if number % SINKS_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def join(self, sink: Sink, source: Channels) -> bool:
        asked, welcome = source.asked, list[Delivery]()
        if EVERYBODY in source.interests and EVERYBODY not in (asked or {}):
            current, seq = await source.origins.announcements.current_with_seq()
            asked, welcome = {**(asked or {}), EVERYBODY: seq}, [announced(one) for one in current]
        async with source.origins.deliveries.follow(source.interests, asked, source.lost) as following:
            sink.begin(following.cursor)
            for delivery in welcome:
                await self._tell(sink, delivery.at(following.cursor))
            newcomer = _Newcomer(following, {})
            try:
                return await self._catch_up(sink, newcomer)
            finally:
                self._newcomers.pop(sink, None)

    async def _catch_up(self, sink: Sink, newcomer: _Newcomer) -> bool:
        async for batch in newcomer.following.batches():
            self.require_on()
            if newcomer.is_admitted:
                break
            self._newcomers.pop(sink, None)
            for delivery in batch:
                await self._tell(sink, delivery)
            newcomer.stands = dict(newcomer.following.positions)
            self._newcomers[sink] = newcomer
            if self._following:
                self._following.wake()
        return True

    async def _admit(self, reached: Mapping[Id, int], onlooker: Onlooker) -> None:
        """Take in those who stand where this topic stands; they are told who is present."""
        for sink, newcomer in list(self._newcomers.items()):
            if newcomer.stands != reached or sink not in self._newcomers:
                continue
            del self._newcomers[sink]
            newcomer.is_admitted = True
            self.sinks[sink] = 0
            newcomer.following.wake()
            for delivery in onlooker.snapshots(newcomer.following.cursor):
                payload = await self._bytes_of(delivery)
                if sink in self.sinks:
                    sink.push(payload, None)

    async def _tell(self, sink: Sink, delivery: Delivery) -> None:
        await sink.has_room()
        sink.push(await self._bytes_of(delivery), delivery.about)

    async def _bytes_of(self, delivery: Delivery) -> bytes:
        """Encoded once, whoever asks first."""
        key = delivery.cursor, delivery.event, delivery.subject_id, delivery.occurred_at
        if key not in self._encoded:
            self._encoded[key] = asyncio.ensure_future(self.encode(delivery))
            if len(self._encoded) > ENCODED_KEPT:
                self._encoded.popitem(last=False)
        return await asyncio.shield(self._encoded[key])

    def end(self) -> None:
        """Those on the way are woken, so that they see it."""
        super().end()
        for newcomer in self._newcomers.values():
            newcomer.following.wake()
