"""What a run will do: a step for each node of a graph."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.graphs import Graph, Node
from domain.ids import Id
from domain.steps import Source, Step, StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where planned steps belong. `share` is the part of the run's progress that they stand for together.

    Steps of a map's copy have the map as their parent, its name and the item's number as their `prefix`, and the item's
    values as what is `given` to them.
    """

    organization_id: Id
    project_id: Id
    run_id: Id
    priority: int = 0
    share: float = 1.0
    parent_id: Id | None = None
    prefix: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def steps_of(graph: Graph, place: Place) -> list[Step]:
    """A step for each node; those that wait for nothing are queued."""
    return [_step(graph, node, place) for node in graph.nodes]


def _step(graph: Graph, node: Node, place: Place) -> Step:
    before = graph.predecessors[node.id]
    return Step(
        organization_id=place.organization_id,
        project_id=place.project_id,
        run_id=place.run_id,
        parent_id=place.parent_id,
        node_id=f"{place.prefix}{node.id}",
        kind=node.kind,
        label=node.label,
        config=node.settings,
        given=place.given,
        sources=tuple(
            Source(port=link.target.port, node_id=f"{place.prefix}{link.source.node}", node_port=link.source.port)
            for link in graph.links_into[node.id]
        ),
        targets=tuple(f"{place.prefix}{name}" for name in sorted(graph.successors[node.id])),
        waits_for=len(before),
        status=StepStatus.PENDING if before else StepStatus.QUEUED,
        priority=place.priority,
        share=place.share / len(graph.nodes),
        available_at=place.now,
    )
