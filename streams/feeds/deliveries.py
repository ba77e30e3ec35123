"""What a listener gets: the events of what they follow, in order, each with the cursor that continues after it."""

from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from domain.announcements import EVERYBODY, Announcement
from domain.events import Envelope, Event
from domain.ids import Id
from streams.feeds.cursors import Cursors
from streams.feeds.hub import Follower, Hub


@dataclass(frozen=True, slots=True)
class Interest:
    """What matters of a feed: subjects of these types; of these runs alone, or None for all."""

    subject_types: frozenset[str]
    runs: frozenset[Id] | None = None

    def includes(self, event: Event) -> bool:
        return event.subject_type in self.subject_types and (self.runs is None or event.run_id in self.runs)

    def __or__(self, other: "Interest") -> "Interest":
        runs = None if self.runs is None or other.runs is None else self.runs | other.runs
        return Interest(self.subject_types | other.subject_types, runs)


Interests = Mapping[Id, Interest]
"""By the id of the feed: a project, or everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    An event as it is sent; `subject_type` and `subject_id` name the entity it is about.

    `subject` is what there is of it nowhere else: who is present, what is announced.
    """

    cursor: str
    channel: str
    event: str
    payload: dict[str, Any]
    subject_type: str
    subject_id: str
    subject: Any = None
    client_mutation_id: str | None = None
    trace_id: str | None = None
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def about(self) -> Hashable:
        """Where only the newest matters, a later one about the same takes its place; None: it is always told."""
        return (self.subject_type, self.subject_id) if self.subject_id else None

    def at(self, cursor: str) -> "Delivery":
        return replace(self, cursor=cursor)


def announced(one: Announcement) -> Delivery:
    """An announcement that began before the listener came."""
    return Delivery(
        cursor="",
        channel="announcements",
        event="announcement.started",
        payload=one.payload,
        subject_type="Announcement",
        subject_id=one.id,
        occurred_at=one.started_at or one.starts_at,
    )


class Following:
    """One listener: where they stand in each feed, and what comes next."""

    def __init__(self, follower: Follower, interests: Interests, cursors: Cursors, lost: str | None) -> None:
        self._follower = follower
        self._interests = interests
        self._cursors = cursors
        self._lost = lost

    @property
    def positions(self) -> dict[Id, int]:
        return self._follower.positions

    @property
    def cursor(self) -> str:
        return self._cursors.write(self.positions)

    def cursor_without(self, feed: Id) -> str:
        """One that says nothing of this feed."""
        return self._cursors.write({id_: position for id_, position in self.positions.items() if id_ != feed})

    def wake(self) -> None:
        """Have `batches` yield, be it nothing."""
        self._follower.wake()

    async def batches(self) -> AsyncIterator[list[Delivery]]:
        """
        What happens, for ever. An empty batch says that this is all for now.

        Where history is gone a `resync` comes in its place: read the state again, then go on with its cursor.
        """
        if self._lost:
            yield [self._resync(self._lost)]
        async for batch, history_is_gone in self._follower.batches():
            if history_is_gone:
                if batch:
                    self.positions[batch[0].event.project_id] = batch[0].seq - 1
                yield [self._resync("what happened since the cursor is no longer kept")]
            yield [delivery for envelope in batch if (delivery := self._delivery(envelope, self.positions))]

    def since(self, positions: dict[Id, int]) -> list[Delivery] | None:
        """What is to be told to whoever stands at the positions, so that they stand here; None where it is not kept."""
        envelopes = self._follower.since(positions)
        if envelopes is None:
            return None
        return [delivery for envelope in envelopes if (delivery := self._delivery(envelope, positions))]

    def _delivery(self, envelope: Envelope, positions: dict[Id, int]) -> Delivery | None:
        """The event as it is sent, where it matters here; the positions come past it."""
        event = envelope.event
        positions[event.project_id] = envelope.seq
        if not self._interests[event.project_id].includes(event):
            return None
        return Delivery(
            cursor=self._cursors.write(positions),
            channel=event.channel,
            event=event.event,
            payload=event.payload,
            subject_type=event.subject_type,
            subject_id=event.subject_id,
            client_mutation_id=envelope.client_mutation_id,
            trace_id=envelope.trace_id or None,  # what comes due by the clock has no trace
            occurred_at=event.occurred_at,
        )

    def _resync(self, reason: str) -> Delivery:
        cursor = self.cursor
        return Delivery(
            cursor=cursor,
            channel="runs" if self._interests.keys() - {EVERYBODY} else "announcements",
            event="resync",
            payload={"reason": reason, "cursor": cursor},
            subject_type="Resync",
            subject_id="",
        )


class Deliveries:
    def __init__(self, hub: Hub, cursors: Cursors) -> None:
        self._hub = hub
        self._cursors = cursors

    @asynccontextmanager
    async def follow(
        self, interests: Interests, asked: Mapping[Id, int] | None = None, lost: str | None = None
    ) -> AsyncIterator[Following]:
        """Follow from these positions on, from now on where there is none; `lost` says why they lead nowhere."""
        asked = asked or {}
        async with self._hub.follow(interests, asked) as follower:
            if any(position < asked.get(feed, 0) for feed, position in follower.positions.items()):
                lost = lost or "the cursor is ahead of what is recorded"
            yield Following(follower, interests, self._cursors, lost)
