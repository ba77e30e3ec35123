"""A workflow: a directed graph of AI and human steps. Each change of the graph is a new, immutable version."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.errors import DomainError, ErrorCode
from domain.graphs import Edge, Graph, Node
from domain.ids import Id, new_id
from domain.permissions import Actor
from domain.ports import Command, Transaction
from domain.problems import require_valid
from domain.projects import Project
from domain.text import NAME_LENGTH, require_length
from domain.versions import require_version


@dataclass(slots=True, kw_only=True)
class Workflow:
    """`built_in` names the one of Easel's own that this is the project's copy of."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    name: str
    built_in: str | None = None
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def graph(self) -> Graph:
        return Graph(self.nodes, self.edges)

    def as_version(self, created_by: str) -> "WorkflowVersion":
        return WorkflowVersion(
            organization_id=self.organization_id,
            project_id=self.project_id,
            workflow_id=self.id,
            version=self.version,
            name=self.name,
            nodes=self.nodes,
            edges=self.edges,
            created_at=self.updated_at,
            created_by=created_by,
        )


@dataclass(slots=True, kw_only=True)
class WorkflowVersion:
    """What a workflow was at one version; runs of that version go by it."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    workflow_id: Id
    version: int
    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    created_at: datetime
    created_by: str

    @property
    def graph(self) -> Graph:
        return Graph(self.nodes, self.edges)


@dataclass(kw_only=True)
class CreateWorkflow(Command[Workflow]):
    """Make a workflow of nodes and edges. A graph that cannot run is refused with every problem it has."""

    project_id: Id
    name: str
    nodes: list[Node]
    edges: list[Edge]

    def __post_init__(self) -> None:
        require_length(self.name, "name", longest=NAME_LENGTH)


async def create_workflow(tx: Transaction, actor: Actor, command: CreateWorkflow) -> Workflow:
    project = await tx.get(Project, command.project_id)
    workflow = Workflow(
        organization_id=project.organization_id,
        project_id=project.id,
        name=command.name,
        nodes=tuple(command.nodes),
        edges=tuple(command.edges),
    )
    require_valid(workflow.graph)
    tx.add(workflow, workflow.as_version(actor.subject))
    return workflow


@dataclass(kw_only=True)
class UpdateWorkflow(Command[Workflow]):
    """Change what is given of a workflow; runs under way keep the version they started with."""

    id: Id
    expected_version: int | None = None
    name: str | None = None
    nodes: list[Node] | None = None
    edges: list[Edge] | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            require_length(self.name, "name", longest=NAME_LENGTH)


async def update_workflow(tx: Transaction, actor: Actor, command: UpdateWorkflow) -> Workflow:
    workflow = await tx.get(Workflow, command.id, lock=True)
    if workflow.built_in is not None:
        raise DomainError(ErrorCode.FORBIDDEN, "Easel brings this workflow along: duplicate it, and change the copy")
    require_version(workflow.version, command.expected_version)
    workflow.name = workflow.name if command.name is None else command.name
    workflow.nodes = workflow.nodes if command.nodes is None else tuple(command.nodes)
    workflow.edges = workflow.edges if command.edges is None else tuple(command.edges)
    require_valid(workflow.graph)
    workflow.version += 1
    workflow.updated_at = datetime.now(UTC)
    tx.save(workflow)
    tx.add(workflow.as_version(actor.subject))
    return workflow


@dataclass(kw_only=True)
class RestoreWorkflow(Command[Workflow]):
    """Make a new version that is as an older one was: its name, its nodes and its edges."""

    id: Id
    version: int
    expected_version: int | None = None


async def restore_workflow(tx: Transaction, actor: Actor, command: RestoreWorkflow) -> Workflow:
    workflow = await tx.get(Workflow, command.id)
    older = await _version_of(tx, workflow, command.version, field="version")
    update = UpdateWorkflow(
        id=workflow.id,
        expected_version=command.expected_version,
        name=older.name,
        nodes=list(older.nodes),
        edges=list(older.edges),
    )
    return await update_workflow(tx, actor, update)


@dataclass(kw_only=True)
class DuplicateWorkflow(Command[Workflow]):
    """Copy a workflow as it is now; the copy begins at version 1."""

    id: Id
    name: str | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            require_length(self.name, "name", longest=NAME_LENGTH)


async def duplicate_workflow(tx: Transaction, actor: Actor, command: DuplicateWorkflow) -> Workflow:
    original = await tx.get(Workflow, command.id)
    copy = Workflow(
        organization_id=original.organization_id,
        project_id=original.project_id,
        name=command.name or f"{original.name} (copy)"[:NAME_LENGTH],
        nodes=original.nodes,
        edges=original.edges,
    )
    tx.add(copy, copy.as_version(actor.subject))
    return copy


async def graph_of(tx: Transaction, workflow: Workflow, version: int | None) -> Graph:
    """The workflow's graph as it was at that version, or as it is now."""
    if version is None or version == workflow.version:
        return workflow.graph
    return (await _version_of(tx, workflow, version, field="workflowVersion")).graph


async def _version_of(tx: Transaction, workflow: Workflow, version: int, *, field: str) -> WorkflowVersion:
    found = await tx.find(WorkflowVersion, workflow_id=workflow.id, version=version)
    if not found:
        raise DomainError(ErrorCode.WORKFLOW_NOT_FOUND, no_version(workflow, version), field=field)
    return found[0]


def no_version(workflow: Workflow, version: int) -> str:
    return f"This workflow has no version {version}; its newest is {workflow.version}"
