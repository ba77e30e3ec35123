"""
Feeds: what happens in a project, for whoever follows it in this process.

A listener is a position, not a queue. The bus brings the newest events and says how far the project is; whoever lacks
one reads it from the database. So a lost publication costs a short delay, and a slow listener costs nobody anything.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import islice

import msgspec
import structlog
from broadcaster import Broadcast

from domain.errors import DomainError
from domain.events import Envelope
from domain.ids import Id
from storage.bus import RESYNC
from storage.events import EventLog
from streams.feeds.announcer import channel_of, decode
from streams.feeds.hearing import HeardChannel, Hearing
from streams.whole import whole

RECENT_EVENTS = 2_000
BATCH_EVENTS = 200
RETRY_SECONDS = 0.5

log = structlog.get_logger(__name__)


class Feed(HeardChannel):
    """One project's newest events; `newest` is the greatest number this process has heard of."""

    def __init__(self, project_id: Id, events: EventLog, check: Callable[[list[Id]], Awaitable[None]]) -> None:
        super().__init__(channel_of(project_id))
        self.project_id = project_id
        self.newest = 0
        self.is_asked = False  # how far the project was when this began
        self.followers: set[asyncio.Event] = set()
        self._events = events
        self._check = check
        self._reading = asyncio.Lock()
        self._recent: deque[Envelope] = deque(maxlen=RECENT_EVENTS)

    async def receive(self, message: str) -> None:
        try:
            envelopes = [] if message == RESYNC else decode(message)
        except msgspec.MsgspecError:
            log.warning("a message of the bus was not understood", project_id=self.project_id)
            envelopes = []
        if envelopes:
            self.take(envelopes)
        else:
            await self._check([self.project_id])

    def take(self, envelopes: Iterable[Envelope]) -> None:
        """Keep what the bus brought, as long as it joins without a gap to what is kept."""
        for envelope in envelopes:
            end = self._recent[-1].seq if self._recent else None
            if end is not None and envelope.seq <= end:
                continue
            if end is not None and envelope.seq != end + 1:
                self._recent.clear()
            self._recent.append(envelope)
            self.reach(envelope.seq)

    def reach(self, seq: int) -> None:
        if seq > self.newest:
            self.newest = seq
            for follower in self.followers:
                follower.set()

    async def after(self, seq: int) -> list[Envelope]:
        """The next events after `seq`, a batch at most; none when there is nothing newer."""
        if seq >= self.newest:
            return []
        if self._is_at_end(seq):
            await self._read_on(seq)
        return self._kept_after(seq) or await self._events.after(self.project_id, seq, most=BATCH_EVENTS)

    def between(self, seq: int, end: int) -> list[Envelope] | None:
        """The events after `seq` up to `end`, where they are kept here: without waiting."""
        if seq >= end:
            return []
        if not self._recent or self._recent[0].seq > seq + 1 or self._recent[-1].seq < end:
            return None
        start = seq + 1 - self._recent[0].seq
        return list(islice(self._recent, start, start + end - seq))

    def _is_at_end(self, seq: int) -> bool:
        """Whether everything that is kept has been seen by who stands here."""
        return not self._recent or seq == self._recent[-1].seq

    async def _read_on(self, seq: int) -> None:
        """Read what the bus did not bring; of all who wait for it, one reads."""
        async with self._reading:
            if self._is_at_end(seq):
                self.take(await self._events.after(self.project_id, seq, most=BATCH_EVENTS))

    def _kept_after(self, seq: int) -> list[Envelope]:
        if not self._recent or not self._recent[0].seq <= seq + 1:
            return []
        start = seq + 1 - self._recent[0].seq
        return list(islice(self._recent, start, start + BATCH_EVENTS))


class Follower:
    """A listener's position in each project it follows."""

    def __init__(self, feeds: Mapping[Id, Feed], positions: dict[Id, int], news: asyncio.Event) -> None:
        self.positions = positions
        self._feeds = feeds
        self._news = news

    def wake(self) -> None:
        """Have `batches` look again."""
        self._news.set()

    def since(self, positions: Mapping[Id, int]) -> list[Envelope] | None:
        """What this follower has come past since these positions, feed by feed, where that is kept here."""
        found: list[Envelope] = []
        for project_id, feed in self._feeds.items():
            between = feed.between(positions[project_id], self.positions[project_id])
            if between is None:
                return None
            found += between
        return found

    async def batches(self) -> AsyncIterator[tuple[list[Envelope], bool]]:
        """
        What comes after the positions, in order, for ever. True where history before the batch is gone.

        `positions` are moved by whoever handles the events, one by one. An empty batch says that this is all for now;
        it comes again whenever somebody wakes this follower.
        """
        while True:
            self._news.clear()
            for project_id, feed in self._feeds.items():
                position, newest = self.positions[project_id], feed.newest
                batch = await self._next(feed, position)
                if batch:
                    yield batch, batch[0].seq != position + 1
                    self._news.set()
                elif batch is not None and newest > position:
                    self.positions[project_id] = newest
                    yield [], True
            yield [], False
            await self._news.wait()

    async def _next(self, feed: Feed, position: int) -> list[Envelope] | None:
        """What the feed has after the position; None, and soon again, where the database is away."""
        try:
            return await whole(feed.after(position))
        except DomainError as error:
            log.warning("a feed could not be read", project_id=feed.project_id, error=error.message)
            await asyncio.sleep(RETRY_SECONDS)
            self._news.set()
            return None


class Hub:
    """The feeds that somebody in this process follows."""

    def __init__(self, bus: Broadcast, events: EventLog, *, check_seconds: float) -> None:
        self._events = events
        self._check_seconds = check_seconds
        self._hearing = Hearing(bus, partial(Feed, events=events, check=self._check))

    async def run(self) -> None:
        """Ask the database now and then how far the projects are: what the bus lost is found within that time."""
        while True:
            await asyncio.sleep(self._check_seconds)
            await self._check(list(self._hearing.channels))

    @asynccontextmanager
    async def follow(self, project_ids: Iterable[Id], positions: Mapping[Id, int]) -> AsyncIterator[Follower]:
        """Follow the projects from these positions on; from now on where there is none."""
        news = asyncio.Event()
        async with AsyncExitStack() as stack:
            feeds = {
                id_: await stack.enter_async_context(self._feed(id_, news, positions.get(id_, 0)))
                for id_ in sorted(set(project_ids))
            }
            start = {id_: min(positions.get(id_, feed.newest), feed.newest) for id_, feed in feeds.items()}
            yield Follower(feeds, start, news)

    @asynccontextmanager
    async def _feed(self, project_id: Id, news: asyncio.Event, asked: int) -> AsyncIterator[Feed]:
        """Hear the bus first, then ask how far the project is: nothing falls between the two."""
        async with self._hearing.hear(project_id) as feed:
            feed.followers.add(news)
            try:
                if not feed.is_asked or feed.newest < asked:
                    await self._ask_newest([project_id])
                    feed.is_asked = True
                yield feed
            finally:
                feed.followers.discard(news)

    async def _check(self, project_ids: list[Id]) -> None:
        try:
            await self._ask_newest(project_ids)
        except DomainError as error:
            log.warning("feeds could not be checked", error=error.message)
        except Exception:
            # Without this check what the bus loses would be lost to whoever watches.
            log.exception("feeds could not be checked")

    async def _ask_newest(self, project_ids: list[Id]) -> None:
        for project_id, seq in (await whole(self._events.newest(project_ids))).items() if project_ids else ():
            if feed := self._hearing.channels.get(project_id):
                feed.reach(seq)
