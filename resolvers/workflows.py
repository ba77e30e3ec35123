"""Workflows, their versions, what they are built from, and what is wrong with them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from domain.comparison import Comparison
from domain.errors import InvalidInput
from domain.graphs import Edge, Graph, Node
from domain.ids import Id
from domain.kinds import KINDS
from domain.kinds.kind import NodeKind, Port
from domain.problems import Problem, problems
from domain.runs import Run, RunStatus
from domain.workflows import Workflow, WorkflowVersion, no_version
from resolvers.context import Info
from storage.pages import Page


@dataclass
class WorkflowGraph:
    """A graph to look over, without keeping it."""

    nodes: list[Node]
    edges: list[Edge]


@dataclass(frozen=True, slots=True)
class PricedKind:
    """A kind of node with what one execution of it costs here, as it comes."""

    kind: str
    title: str
    description: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    config_schema: dict[str, Any]
    credit_cost: Decimal


async def workflow(info: Info, id: Id) -> Workflow | None:
    return await info.context.reads.one(Workflow, info.context.actor, id=id)


def node_kinds(info: Info) -> list[PricedKind]:
    return [_priced(kind, info) for kind in KINDS.values()]


def _priced(kind: NodeKind, info: Info) -> PricedKind:
    cost = info.context.studio.offers.price(kind, {})
    return PricedKind(kind.kind, kind.title, kind.description, kind.inputs, kind.outputs, kind.config_schema, cost)


def validate_workflow(info: Info, input: WorkflowGraph) -> list[Problem]:
    return problems(Graph(tuple(input.nodes), tuple(input.edges)))


async def versions_of(
    root: Workflow, info: Info, first: int | None = 20, after: str | None = None
) -> Page[WorkflowVersion]:
    reads, actor = info.context.reads, info.context.actor
    return await reads.page(WorkflowVersion, actor, first=first, after=after, workflow_id=root.id)


async def at_version(root: Workflow, info: Info, version: int) -> WorkflowVersion | None:
    reads, actor = info.context.reads, info.context.actor
    return await reads.one(WorkflowVersion, actor, workflow_id=root.id, version=version)


async def compare_workflow_versions(
    info: Info, workflow_id: Id, from_: Annotated[int, strawberry.argument(name="from")], to: int
) -> Comparison | None:
    reads, actor = info.context.reads, info.context.actor
    workflow = await reads.one(Workflow, actor, id=workflow_id)
    if workflow is None:
        return None
    found = await reads.many(WorkflowVersion, actor, workflow_id=workflow.id, version=[from_, to])
    versions = {one.version: one for one in found}
    for field, version in (("from", from_), ("to", to)):
        if version not in versions:
            raise InvalidInput(no_version(workflow, version), field=field)
    return Comparison(versions[from_], versions[to])


async def last_run_of(root: Workflow, info: Info) -> Run | None:
    return await info.context.load_newest(Run, "workflow_id", root.id)


async def runs_of(
    root: Workflow, info: Info, first: int | None = 20, after: str | None = None, status: list[RunStatus] | None = None
) -> Page[Run]:
    equals = {"workflow_id": root.id} | ({} if status is None else {"status": status})
    return await info.context.reads.page(Run, info.context.actor, first=first, after=after, **equals)
