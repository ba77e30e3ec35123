"""A batch of film shots: the plans of some sequences of one episode, each to get one picture with a strict name."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.events import Event
from domain.ids import Id, new_id
from domain.plain import payload_of
from domain.shots.recipes import Recipe
from domain.shots.shot import BatchMode, Shot, ShotStatus


class BatchStatus(StrEnum):
    STARTED = "STARTED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    ERROR = "ERROR"
    CANCELED = "CANCELED"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotCounts:
    """How many shots of a batch there are of each status."""

    queued: int = 0
    running: int = 0
    waiting: int = 0
    done: int = 0
    error: int = 0
    canceled: int = 0

    @property
    def total(self) -> int:
        return self.queued + self.running + self.waiting + self.ended

    @property
    def ended(self) -> int:
        """Those that nothing more happens to by itself."""
        return self.done + self.error + self.canceled

    def moved(self, before: ShotStatus, after: ShotStatus) -> "ShotCounts":
        one_less = replace(self, **{before.lower(): getattr(self, before.lower()) - 1})
        return replace(one_less, **{after.lower(): getattr(one_less, after.lower()) + 1})


@dataclass(slots=True, kw_only=True)
class ShotBatch:
    """
    Its row is what every change of its shots is made under: whoever changes one locks the batch before.

    `recipe` is how its pictures are made, as it was when the batch was started; none where people bring them all.
    `cost` is in credits; a batch that would cost more than `max_credits` pauses, and `paused_because` says why. Of its
    shots so many are `in_flight`: their runs have begun and are not over. `has_begun` says that something has happened
    to one of them.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    season: str
    episode: str
    style: str
    workflow_json: str | None
    mode: BatchMode
    params: dict[str, Any] = field(default_factory=dict)
    recipe: Recipe | None = None
    counts: ShotCounts
    has_begun: bool = False
    max_credits: Decimal | None = None
    cost: Decimal = Decimal(0)
    in_flight: int = 0
    paused_because: str | None = None
    canceled_at: datetime | None = None
    version: int = 1
    trace_id: str
    created_by: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> BatchStatus:
        """PAUSED and CANCELED also while shots that had begun before are still under way."""
        counts = self.counts
        if self.canceled_at is not None or counts.canceled == counts.total:
            return BatchStatus.CANCELED
        if counts.ended == counts.total:
            return BatchStatus.ERROR if counts.error else BatchStatus.DONE
        if self.paused_because is not None:
            return BatchStatus.PAUSED
        return BatchStatus.RUNNING if self.has_begun else BatchStatus.STARTED

    @property
    def is_held_back(self) -> bool:
        """Nothing more of it is to begin."""
        return self.canceled_at is not None or self.paused_because is not None

    @property
    def progress(self) -> float:
        """0.0 to 1.0: the part of its shots that nothing more happens to by itself."""
        return self.counts.ended / self.counts.total

    def move(self, shot: Shot, status: ShotStatus) -> None:
        """The shot is at another status from now on."""
        self.counts = self.counts.moved(shot.status, status)
        shot.status = status
        self.has_begun = True

    def can_pay(self, price: Decimal) -> bool:
        """Whether one more picture at this price is within what it may cost."""
        return self.max_credits is None or not price or self.cost + (self.in_flight + 1) * price <= self.max_credits

    def told(self) -> Event:
        return Event(
            event="batch.updated",
            project_id=self.project_id,
            subject_type="ShotBatch",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD),
        )

    def changed(self) -> Event:
        """Count the change; what is told of it."""
        self.version += 1
        self.updated_at = datetime.now(UTC)
        return self.told()


_TOLD = (
    "id", "project_id", "season", "episode", "style", "workflow_json", "mode", "params", "status", "progress", "counts",
    "max_credits", "cost", "paused_because", "version", "created_at", "updated_at",
)  # fmt: skip
