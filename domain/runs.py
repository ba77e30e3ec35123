"""A run: one execution of a workflow."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.errors import InvalidInput
from domain.events import Event
from domain.graphs import require_valid
from domain.ids import Id, new_id
from domain.kinds.input_value import checked_inputs
from domain.permissions import Actor
from domain.plain import payload_of, require_json_object
from domain.ports import Command, Transaction
from domain.steps import RunError, Step, StepStatus, steps_of
from domain.workflows import Workflow, graph_of


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
PRIORITIES = range(-100, 101)


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


@dataclass(slots=True, kw_only=True)
class Run:
    """`progress` is the share of its steps that are done, 0.0 to 1.0."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    workflow_id: Id
    workflow_version: int
    status: RunStatus = RunStatus.QUEUED
    inputs: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)
    error: RunError | None = None
    retry_of: Id | None = None
    priority: int = 0
    steps_total: int
    steps_done: int = 0
    steps_cached: int = 0
    retries: int = 0
    cost: Decimal = Decimal(0)
    version: int = 1
    trace_id: str
    created_by: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None

    @property
    def progress(self) -> float:
        return self.steps_done / self.steps_total

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

    def end(self, status: RunStatus) -> None:
        self.status = status
        self.finished_at = datetime.now(UTC)

    def changed(self) -> list[Event]:
        """Count the change; what is told of it."""
        self.version += 1
        return [self.told("run.updated"), *([self.told(ENDINGS[self.status])] if self.is_finished else [])]

    def told(self, event: str) -> Event:
        return Event(
            event=event,
            project_id=self.project_id,
            run_id=self.id,
            subject_type="Run",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD),
        )


_TOLD = (
    "id", "project_id", "workflow_id", "workflow_version", "status", "progress", "inputs", "outputs", "error",
    "metrics", "retry_of", "version", "trace_id", "created_by", "created_at", "started_at", "finished_at",
)  # fmt: skip


def _milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() * 1000 if start and end else None


@dataclass(kw_only=True)
class StartRun(Command[Run]):
    """Start one run of a workflow. `priority` is -100 to 100, higher first, within the organization."""

    workflow_id: Id
    inputs: dict[str, Any] | None = None
    workflow_version: int | None = None
    priority: int | None = None

    def __post_init__(self) -> None:
        require_json_object({} if self.inputs is None else self.inputs, "inputs")
        if self.priority is not None and self.priority not in PRIORITIES:
            raise InvalidInput("priority must be a whole number from -100 to 100", field="priority")


async def start_run(tx: Transaction, actor: Actor, command: StartRun) -> Run:
    workflow = await tx.get(Workflow, command.workflow_id)
    graph = await graph_of(tx, workflow, command.workflow_version)
    require_valid(graph)
    run = Run(
        organization_id=workflow.organization_id,
        project_id=workflow.project_id,
        workflow_id=workflow.id,
        workflow_version=workflow.version if command.workflow_version is None else command.workflow_version,
        inputs=checked_inputs((node.settings for node in graph.input_nodes), command.inputs or {}),
        priority=command.priority or 0,
        steps_total=len(graph.nodes),
        trace_id=actor.trace_id,
        created_by=actor.subject,
    )
    steps = steps_of(graph, run.id, run.project_id, run.organization_id)
    tx.add(run, *steps)
    tx.record(run.told("run.updated"))
    tx.enqueue(*(step.job(run.priority) for step in steps if step.status is StepStatus.QUEUED))
    return run


class CancelOutcome(StrEnum):
    CANCELED = "CANCELED"
    REQUESTED = "REQUESTED"
    ALREADY_FINISHED = "ALREADY_FINISHED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What became of the wish: REQUESTED while a step is still being stopped."""

    outcome: CancelOutcome
    run: Run


@dataclass(kw_only=True)
class CancelRun(Command[Cancellation]):
    """Stop a run: what has not begun never will, what is running is interrupted. Asking again changes nothing."""

    id: Id


async def cancel_run(tx: Transaction, actor: Actor, command: CancelRun) -> Cancellation:
    run = await tx.get(Run, command.id, lock=True)
    if not run.is_finished and run.cancel_requested_at is None:
        run.cancel_requested_at = datetime.now(UTC)
        await wind_down(tx, run)
        keep(tx, run)
    return Cancellation(outcome=_outcome(run), run=run)


def _outcome(run: Run) -> CancelOutcome:
    if run.status is RunStatus.CANCELED:
        return CancelOutcome.CANCELED
    return CancelOutcome.ALREADY_FINISHED if run.is_finished else CancelOutcome.REQUESTED


async def wind_down(tx: Transaction, run: Run) -> None:
    """Start nothing more of the run, and end it once none of its steps is running."""
    open_steps = await tx.find(Step, run_id=run.id, status=[StepStatus.PENDING, StepStatus.QUEUED, StepStatus.RUNNING])
    canceled = run.cancel_requested_at is not None
    for step in open_steps:
        if step.status is not StepStatus.RUNNING:
            tx.record(step.end(StepStatus.CANCELED if canceled else StepStatus.SKIPPED))
            tx.save(step)
    if all(step.status is not StepStatus.RUNNING for step in open_steps):
        run.end(RunStatus.CANCELED if canceled else RunStatus.FAILED)


def keep(tx: Transaction, run: Run) -> None:
    """Write the changed run and tell of it."""
    tx.record(*run.changed())
    tx.save(run)
