"""A step: one node of a run, run by a worker that holds a lease on it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.errors import ErrorCode
from domain.events import Event
from domain.forms import Claim, Form
from domain.ids import Id, new_id
from domain.kinds import KINDS
from domain.kinds.kind import ANY, Port, StepResult
from domain.plain import payload_of, plain
from domain.ports import StepJob


class StepStatus(StrEnum):
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELED = "CANCELED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    code: ErrorCode
    message: str
    node_id: str | None = None
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one value of an input port comes from."""

    port: str
    node_id: str
    node_port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a step that waits asks of people, as everyone may see it."""

    title: str
    instructions: str | None
    schema: dict[str, Any]
    decisions: tuple[str, ...]
    candidates: tuple[Id, ...]
    assignee: str | None
    due_at: datetime | None


@dataclass(slots=True, kw_only=True)
class Step:
    """
    `epoch` counts the claims: what a worker writes carries the epoch it claimed, and an older one writes nothing.

    `sources` and `targets` are the node's links, so that a run goes on without reading its graph again; `waits_for` is
    how many nodes before it are not done, or, of a `map` that has begun, how many steps of its copies. Those are its
    children by `parent_id`, and `given` holds their item's values. `share` is the part of the run's progress that it
    stands for, and `reported` how much of that was counted. While a worker holds it, `provider` is whom it asks and
    `reserved` the credits it may cost; `repeatable` says that running it twice does no harm. `job_id` is what the
    provider calls the job it was given last, where it can be asked after it.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    run_id: Id
    parent_id: Id | None = None
    node_id: str
    kind: str
    label: str | None
    config: dict[str, Any]
    given: dict[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...]
    targets: tuple[str, ...]
    waits_for: int
    status: StepStatus
    priority: int = 0
    epoch: int = 0
    attempt: int = 0
    lease_until: datetime | None = None
    available_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    provider: str | None = None
    job_id: str | None = None
    reserved: Decimal = Decimal(0)
    repeatable: bool = True
    cache_key: str | None = None
    cached: bool = False
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    image_ids: tuple[Id, ...] = ()
    error: RunError | None = None
    form: Form | None = None
    due_at: datetime | None = None
    claim: Claim | None = None
    share: float = 0.0
    reported: float = 0.0
    cost: Decimal = Decimal(0)
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def progress(self) -> float:
        """0.0 to 1.0, as far as it was reported."""
        return 1.0 if self.status is StepStatus.SUCCEEDED else self.reported

    @property
    def is_held(self) -> bool:
        """A worker is at it; a `map` runs without one while its copies do."""
        return self.status is StepStatus.RUNNING and self.lease_until is not None

    @property
    def asked(self) -> Asked | None:
        if self.status is not StepStatus.WAITING or self.form is None:
            return None
        question = self.form.question
        return Asked(
            title=question.title,
            instructions=question.instructions,
            schema=question.schema,
            decisions=question.decisions,
            candidates=question.candidates,
            assignee=question.assignee,
            due_at=self.due_at,
        )

    def job(self, delay_seconds: float = 0.0) -> StepJob:
        return StepJob(self.organization_id, self.run_id, self.id, self.epoch, delay_seconds)

    def begin(self, lease_until: datetime, *, provider: str | None, reserved: Decimal, repeatable: bool) -> Event:
        """A worker takes it: the claim that makes every earlier one void."""
        self.status = StepStatus.RUNNING
        self.epoch += 1
        self.attempt += 1
        self.lease_until = lease_until
        self.provider, self.reserved, self.repeatable = provider, reserved, repeatable
        self.started_at = self.started_at or datetime.now(UTC)
        return self.changed()

    def queue(self, available_at: datetime) -> Event:
        """It may be taken from then on, by the database's clock."""
        self._let_go(StepStatus.QUEUED)
        self.available_at = available_at
        return self.changed()

    def resume(self, now: datetime) -> Event:
        """It need not wait any more; the call for it is another one than before it did."""
        self.epoch += 1
        return self.queue(now)

    def wait(self, form: Form, now: datetime, error: RunError | None = None) -> list[Event]:
        """A person is asked, and no worker is held for it."""
        self._let_go(StepStatus.WAITING)
        self.form, self.due_at, self.error = form, form.due_at(now), error
        self.started_at = self.started_at or now
        return [self.changed(), self.told("step.waiting")]

    def go_on_with_copies(self, count: int) -> Event:
        """It is done when all steps of its copies are."""
        self._let_go(StepStatus.RUNNING)
        self.waits_for = count
        return self.changed()

    def succeed(self, result: StepResult) -> Event:
        self.outputs = result.outputs
        self.image_ids += tuple(image.id for image in result.images)
        self.cost = result.cost
        return self.end(StepStatus.SUCCEEDED)

    def take_over(self, earlier: "Step") -> Event:
        """What an earlier step made of the same is used again, at no cost."""
        self.cached = True
        self.image_ids = earlier.image_ids
        self.started_at = self.started_at or datetime.now(UTC)
        return self.succeed(StepResult(outputs=earlier.outputs))

    def end(self, status: StepStatus, error: RunError | None = None) -> Event:
        self._let_go(status)
        self.error = error
        self.finished_at = datetime.now(UTC)
        return self.changed()

    def _let_go(self, status: StepStatus) -> None:
        """No worker holds it any more, and nobody is on it."""
        self.status = status
        self.lease_until = self.due_at = self.claim = self.provider = None
        self.reserved = Decimal(0)

    def take_inputs(self, done: dict[str, "Step"]) -> bool:
        """
        Fill the input ports from the steps before it; a list port gets its values in the order of its edges.

        False where a port that needs a value, or to which an edge leads, gets none: as behind the branch that a
        condition did not take.
        """
        ports = {port.name: port for port in KINDS[self.kind].inputs_of(self.config)}
        self.inputs = {}
        skipped = {source.port for source in self.sources}
        for source in self.sources:
            outputs = done[source.node_id].outputs
            if source.node_port in outputs:
                skipped.discard(source.port)
                self._take(ports[source.port], outputs[source.node_port])
        return all(name in self.inputs or not (port.required or name in skipped) for name, port in ports.items())

    def _take(self, port: Port, value: Any) -> None:
        """An input that was not given is nothing, except where any value will do."""
        if port.list:
            values = value if isinstance(value, list) else [] if value is None else [value]
            if values or port.type == ANY or value is not None:
                self.inputs.setdefault(port.name, []).extend(values)
        elif value is not None or port.type == ANY:
            self.inputs[port.name] = value

    def changed(self) -> Event:
        """Count the change; what is told of it."""
        self.version += 1
        return self.told("step.updated")

    def told(self, event: str) -> Event:
        return Event(
            event=event,
            project_id=self.project_id,
            run_id=self.run_id,
            subject_type="RunStep",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD) | {"form": plain(self.asked)},
        )


_TOLD = (
    "id", "run_id", "node_id", "kind", "label", "status", "progress", "attempt", "cached", "inputs", "outputs",
    "error", "cost", "claim", "version", "started_at", "finished_at",
)  # fmt: skip
