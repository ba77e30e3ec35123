"""A shot: one plan of a batch, which gets one picture with a strict name."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from domain.events import Event
from domain.forms import Claim
from domain.ids import Id, new_id
from domain.plain import payload_of
from domain.steps import RunError


class BatchMode(StrEnum):
    """AUTO: the picture is generated. MANUAL: a person brings it."""

    AUTO = "AUTO"
    MANUAL = "MANUAL"


class ShotStatus(StrEnum):
    """QUEUED: nothing of it has begun. WAITING: for a person who brings its picture."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    DONE = "DONE"
    ERROR = "ERROR"
    CANCELED = "CANCELED"


ENDED = (ShotStatus.DONE, ShotStatus.ERROR, ShotStatus.CANCELED)


@dataclass(slots=True, kw_only=True)
class Shot:
    """
    `file_name` is the name that its picture has, or is going to have; each `attempt` has the next version of it, and
    what earlier ones made stays. `run_id` is the run that makes its picture, or made it last; it has none while people
    are to bring it. The `source_image_id` is the plan's uploaded picture that it is made from.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    batch_id: Id
    sequence: str
    plan: str
    mode: BatchMode
    status: ShotStatus = ShotStatus.QUEUED
    progress: float = 0.0
    attempt: int = 1
    file_name: str
    file_version: int
    run_id: Id | None = None
    image_id: Id | None = None
    source_image_id: Id | None = None
    error: RunError | None = None
    claim: Claim | None = None
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def label(self) -> str:
        """What people call it: `SQ0010-0020`."""
        return f"{self.sequence}-{self.plan}"

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def changed(self) -> Event:
        """Count the change; what is told of it."""
        self.version += 1
        self.updated_at = datetime.now(UTC)
        return Event(
            event="shot.updated",
            project_id=self.project_id,
            run_id=self.run_id,
            subject_type="Shot",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD),
        )


_TOLD = (
    "id", "project_id", "batch_id", "run_id", "sequence", "plan", "mode", "status", "progress", "attempt",
    "file_name", "image_id", "error", "claim", "version", "created_at", "updated_at",
)  # fmt: skip
