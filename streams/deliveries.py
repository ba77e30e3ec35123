"""What a listener of a project gets: its events in order, each with the cursor that continues after it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.events import Envelope
from domain.ids import Id
from streams.cursors import Cursors
from streams.feeds import Follower, Hub

Audience = Mapping[Id, frozenset[Id] | None]
"""The projects followed; for each the runs that matter, or None for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event as it is sent; `subject_type` and `subject_id` name the entity it is about."""

    cursor: str
    channel: str
    event: str
    payload: dict[str, Any]
    subject_type: str
    subject_id: str
    client_mutation_id: str | None
    trace_id: str | None
    occurred_at: datetime


class Deliveries:
    def __init__(self, hub: Hub, cursors: Cursors) -> None:
        self._hub = hub
        self._cursors = cursors

    async def follow(self, audience: Audience, after: str | None) -> AsyncIterator[Delivery]:
        """
        Events of the audience, after the cursor where there is one, for ever.

        Where history is gone a `resync` comes in its place: read the state again, then go on with its cursor.
        Raises CURSOR_EXPIRED for a cursor of another server.
        """
        asked = {} if after is None else self._cursors.read(after)
        async with self._hub.follow(audience, asked) as follower:
            if any(follower.positions[project_id] < asked.get(project_id, 0) for project_id in audience):
                yield self._resync(follower, "the cursor is ahead of what is recorded")
            async for batch, history_is_gone in follower.batches():
                for delivery in self._deliver(follower, audience, batch, history_is_gone=history_is_gone):
                    yield delivery

    def _deliver(
        self, follower: Follower, audience: Audience, batch: list[Envelope], *, history_is_gone: bool
    ) -> list[Delivery]:
        found = []
        if history_is_gone:
            if batch:
                follower.positions[batch[0].event.project_id] = batch[0].seq - 1
            found.append(self._resync(follower, "what happened since the cursor is no longer kept"))
        for envelope in batch:
            event = envelope.event
            follower.positions[event.project_id] = envelope.seq
            runs = audience[event.project_id]
            if runs is None or event.run_id in runs:
                found.append(self._delivery(follower, envelope))
        return found

    def _delivery(self, follower: Follower, envelope: Envelope) -> Delivery:
        event = envelope.event
        return Delivery(
            cursor=self._cursors.write(follower.positions),
            channel=event.channel,
            event=event.event,
            payload=event.payload,
            subject_type=event.subject_type,
            subject_id=event.subject_id,
            client_mutation_id=envelope.client_mutation_id,
            trace_id=envelope.trace_id,
            occurred_at=event.occurred_at,
        )

    def _resync(self, follower: Follower, reason: str) -> Delivery:
        cursor = self._cursors.write(follower.positions)
        return Delivery(
            cursor=cursor,
            channel="runs",
            event="resync",
            payload={"reason": reason, "cursor": cursor},
            subject_type="Resync",
            subject_id="",
            client_mutation_id=None,
            trace_id=None,
            occurred_at=datetime.now(UTC),
        )
