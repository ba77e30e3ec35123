"""What is told live, and what an event can be about."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from domain.ids import Id
from resolvers import streams
from schema.announcements import Announcement
from schema.fields import of, said
from schema.pictures import Generation, Image
from schema.runs import Run, RunStep
from schema.shots import Shot, ShotBatch
from schema.types import Presence
from streams.feeds import deliveries


@of(streams.Resync)
class Resync:
    """History is gone: read the state again, then go on from `cursor`."""

    reason: str = said("Why.")
    cursor: str = said("Where to go on.")


@of(streams.PresenceSnapshot)
class PresenceSnapshot:
    """Who was present when somebody began to follow; changes come after it."""

    project_id: Id = said("The project.")
    members: list[Presence] = said("Who is there, in the order they came.")


StreamSubject = Annotated[
    Run | RunStep | Generation | Image | ShotBatch | Shot | Presence | PresenceSnapshot | Announcement | Resync,
    strawberry.union("StreamSubject", description="What an event can be about."),
]


@of(deliveries.Delivery)
class StreamEvent:
    """The envelope of every message: what happened, and what resuming needs."""

    cursor: str = said("For `after`: goes on behind this event.")
    channel: str = said("The channel it came by, as runs.")
    event: str = said("What happened, as run.updated.")
    payload: dict[str, Any] = said("The subject's fields, as they were when it happened.")
    subject: StreamSubject | None = said("The subject as it is now.", streams.subject_of)
    client_mutation_id: str | None = said("The caller's own id of the change that caused it.")
    trace_id: str | None = said("The trace of what caused it.")
    occurred_at: datetime = said("When.")
