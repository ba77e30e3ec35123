"""Facts, stored with the change that caused them and told to whoever listens."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.ids import Id

# All that is told, as webhooks can ask for it.
EVENTS = (
    "run.updated", "run.completed", "run.failed", "run.canceled", "step.updated", "step.waiting", "image.created",
    "image.updated", "image.deleted", "generation.created", "generation.updated", "generation.completed",
    "generation.failed", "generation.deleted", "shot.updated", "batch.updated",
    "AIGenerationJobRequested", "generation_job.completed", "generation_job.failed",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`payload` is the subject's plain fields in camelCase, as they were when this was recorded."""

    event: str
    channel: str = "runs"
    project_id: Id
    run_id: Id | None = None
    subject_type: str
    subject_id: Id
    version: int
    payload: dict[str, Any]
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event as its listeners get it: numbered by its project, with what caused it."""

    seq: int
    event: Event
    client_mutation_id: str | None
    trace_id: str
