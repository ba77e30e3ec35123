"""A step: one node of a run, run by a worker that holds a lease on it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.errors import ErrorCode
from domain.events import Event
from domain.graphs import Graph, Node
from domain.ids import Id, new_id
from domain.kinds import KINDS
from domain.plain import payload_of
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


@dataclass(slots=True, kw_only=True)
class Step:
    """
    `epoch` counts the claims: what a worker writes carries the epoch it claimed, and an older one writes nothing.

    `sources` and `targets` are the node's links, so that a run goes on without reading its graph again.
    `waits_for` is how many nodes before it are not done; `repeatable` says that running it twice does no harm.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    run_id: Id
    node_id: str
    kind: str
    label: str | None
    config: dict[str, Any]
    sources: tuple[Source, ...]
    targets: tuple[str, ...]
    waits_for: int
    status: StepStatus
    epoch: int = 0
    attempt: int = 0
    lease_until: datetime | None = None
    available_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    repeatable: bool = True
    cached: bool = False
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    error: RunError | None = None
    cost: Decimal = Decimal(0)
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def progress(self) -> float:
        return 1.0 if self.status is StepStatus.SUCCEEDED else 0.0

    def job(self, priority: int, delay_seconds: float = 0.0) -> StepJob:
        return StepJob(self.organization_id, self.run_id, self.id, self.epoch, priority, delay_seconds)

    def begin(self, lease_until: datetime, *, repeatable: bool) -> Event:
        """A worker takes it: the claim that makes every earlier one void."""
        self.status = StepStatus.RUNNING
        self.epoch += 1
        self.attempt += 1
        self.lease_until = lease_until
        self.repeatable = repeatable
        self.started_at = self.started_at or datetime.now(UTC)
        return self.changed()

    def queue(self, available_at: datetime | None = None) -> Event:
        """It may be taken, now or from then on."""
        self.status = StepStatus.QUEUED
        self.lease_until = None
        self.available_at = available_at or datetime.now(UTC)
        return self.changed()

    def succeed(self, outputs: dict[str, Any], cost: Decimal) -> Event:
        self.outputs = outputs
        self.cost = cost
        self.error = None
        return self.end(StepStatus.SUCCEEDED)

    def end(self, status: StepStatus, error: RunError | None = None) -> Event:
        self.status = status
        self.error = error
        self.lease_until = None
        self.finished_at = datetime.now(UTC)
        return self.changed()

    def take_inputs(self, done: dict[str, "Step"]) -> None:
        """Fill the input ports from the steps before it; a list port gets its values in the order of its edges."""
        lists = {port.name for port in KINDS[self.kind].inputs if port.list}
        for source in self.sources:
            value = done[source.node_id].outputs.get(source.node_port)
            if source.port in lists:
                self.inputs.setdefault(source.port, []).extend(value if isinstance(value, list) else [value])
            else:
                self.inputs[source.port] = value

    def changed(self) -> Event:
        """Count the change; what is told of it."""
        self.version += 1
        return Event(
            event="step.updated",
            project_id=self.project_id,
            run_id=self.run_id,
            subject_type="RunStep",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD),
        )


_TOLD = (
    "id", "run_id", "node_id", "kind", "label", "status", "progress", "attempt", "cached", "inputs", "outputs",
    "error", "cost", "version", "started_at", "finished_at",
)  # fmt: skip


def steps_of(graph: Graph, run_id: Id, project_id: Id, organization_id: Id) -> list[Step]:
    """A step for each node; those that wait for nothing are queued."""
    return [
        Step(
            organization_id=organization_id,
            project_id=project_id,
            run_id=run_id,
            node_id=node.id,
            kind=node.kind,
            label=node.label,
            config=node.settings,
            sources=tuple(_sources(graph, node)),
            targets=tuple(sorted(graph.successors[node.id])),
            waits_for=len(graph.predecessors[node.id]),
            status=StepStatus.PENDING if graph.predecessors[node.id] else StepStatus.QUEUED,
        )
        for node in graph.nodes
    ]


def _sources(graph: Graph, node: Node) -> Iterable[Source]:
    for link in graph.links_into[node.id]:
        yield Source(port=link.target.port, node_id=link.source.node, node_port=link.source.port)
