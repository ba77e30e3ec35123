"""A run: one execution of a workflow."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from random import randrange
from typing import Any

from domain.errors import ErrorCode
from domain.events import Event
from domain.ids import Id, new_id
from domain.plain import payload_of
from domain.steps import RunError, Step


class RunStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


# What is told besides `run.updated` when a run ends this way.
ENDINGS: dict[RunStatus, str] = {
    RunStatus.SUCCEEDED: "run.completed",
    RunStatus.FAILED: "run.failed",
    RunStatus.CANCELED: "run.canceled",
}
MOST_STEPS = 10_000


class RunPurpose(StrEnum):
    """For whose sake a run was started that is not there for its own."""

    GENERATION_JOB = "generation_job"
    GENERATION = "generation"
    SHOT = "shot"


SEEDS = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMetrics:
    """Times in milliseconds, cost in credits."""

    duration_ms: float | None
    queued_ms: float | None
    steps_total: int
    steps_done: int
    steps_cached: int
    retries: int
    cost: Decimal


def _some_seed() -> int:
    return randrange(SEEDS)  # noqa: S311 - draws pictures, guards nothing


@dataclass(slots=True, kw_only=True)
class Run:
    """
    `progress` is 0.0 to 1.0. What `seed` draws is drawn again by whatever repeats the run; a `fresh` one uses nothing
    that was made before. `prompts` are the texts of the PROMPT assets it names, as they were when it was started.
    `node_settings` are those that its nodes have in this run beside their own, by node; `purpose` is for whose sake it
    was started, where it is not there for its own; of a shot, `purpose_id` is the batch. `held` is what is set aside
    for it, in credits, and `reserved` what its running steps may cost of that.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    workflow_id: Id
    workflow_version: int
    purpose: RunPurpose | None = None
    purpose_id: Id | None = None
    status: RunStatus = RunStatus.QUEUED
    inputs: dict[str, Any]
    node_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    error: RunError | None = None
    retry_of: Id | None = None
    seed: int = field(default_factory=_some_seed)
    fresh: bool = False
    priority: int = 0
    steps_total: int
    steps_done: int = 0
    steps_cached: int = 0
    steps_waiting: int = 0
    progress: float = 0.0
    retries: int = 0
    cost: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    max_credits: Decimal | None = None
    deadline: datetime | None = None
    version: int = 1
    trace_id: str
    created_by: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        return self.status in ENDINGS

    @property
    def is_stopping(self) -> bool:
        """No further step of it may start."""
        return self.cancel_requested_at is not None or self.error is not None

    @property
    def metrics(self) -> RunMetrics:
        return RunMetrics(
            duration_ms=_milliseconds(self.started_at, self.finished_at),
            queued_ms=_milliseconds(self.created_at, self.started_at),
            steps_total=self.steps_total,
            steps_done=self.steps_done,
            steps_cached=self.steps_cached,
            retries=self.retries,
            cost=self.cost,
        )

    def can_pay(self, price: Decimal) -> bool:
        return self.max_credits is None or not price or self.cost + self.reserved + price <= self.max_credits

    def begin(self) -> None:
        if self.started_at is None:
            self.status = RunStatus.RUNNING
            self.started_at = datetime.now(UTC)

    def count(self, step: Step) -> None:
        """A step of it is done, or was never to be: that much more of the run is."""
        self.steps_done += 1
        self.steps_cached += step.cached
        self.cost += step.cost
        self._grow(step, 1.0)

    def advance(self, step: Step, progress: float) -> None:
        """The step is this far; it never goes back, so that a repeated attempt does not either."""
        self._grow(step, progress)
        step.reported = max(step.reported, progress)

    def _grow(self, step: Step, progress: float) -> None:
        self.progress = min(1.0, self.progress + step.share * max(0.0, progress - step.reported))

    def stop_if_late(self, now: datetime) -> bool:
        """Whether it is past its deadline; then that is what it fails with, whatever comes after."""
        late = self.deadline is not None and self.deadline <= now
        if late and not self.is_stopping:
            self.error = failure(ErrorCode.DEADLINE_EXCEEDED, "The run was not finished by its deadline")
        return late

    def end(self, status: RunStatus) -> None:
        self.status = status
        self.progress = 1.0 if status is RunStatus.SUCCEEDED else self.progress
        self.finished_at = datetime.now(UTC)

    def changed(self) -> list[Event]:
        """Count the change; what is told of it."""
        self.version += 1
        return [self.told("run.updated"), *([self.told(ENDINGS[self.status])] if self.is_finished else [])]

    @property
    def _also_told(self) -> tuple[str, ...]:
        """What may be large is told with the first and the last that is told of a run, not each time in between."""
        return ("inputs", "outputs") if self.version == 1 or self.is_finished else ()

    def told(self, event: str) -> Event:
        return Event(
            event=event,
            project_id=self.project_id,
            run_id=self.id,
            subject_type="Run",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD + self._also_told),
        )


_TOLD = (
    "id", "project_id", "workflow_id", "workflow_version", "status", "progress", "error", "metrics", "retry_of",
    "version", "trace_id", "created_by", "created_at", "started_at", "finished_at",
)  # fmt: skip


def _milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() * 1000 if start and end else None


def failure(code: ErrorCode, message: str, step: Step | None = None) -> RunError:
    return RunError(code=code, message=message, node_id=step.node_id if step else None)
