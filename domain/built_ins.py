"""Workflows that Easel brings along: each project has its own copy, made when it is first needed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from domain.graphs import Edge, Graph, Node
from domain.ports import Transaction
from domain.projects import Project
from domain.workflows import Workflow

ENHANCE, DRAW = "enhance", "draw"
PROMPT, REFERENCES, IMAGES = "prompt", "references", "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """Its runs say themselves with which settings its nodes work (`Run.node_settings`)."""

    name: str
    title: str
    graph: Graph


def _graph(*, enhanced: bool, from_images: bool) -> Graph:
    given = [Node(id=PROMPT, kind="input", label="Prompt", config={"name": PROMPT})]
    words = [*given, *([Node(id=ENHANCE, kind="enhance", label="Enhance the prompt")] if enhanced else [])]
    draw = Node(id=DRAW, kind="edit_image" if from_images else "generate_image", label="Draw")
    images = Node(id=IMAGES, kind="output", label="Images", config={"name": IMAGES})
    links = [Edge(source=one.id, target=other.id) for one, other in pairwise(words)]
    links += [Edge(source=words[-1].id, target=f"{DRAW}.prompt"), Edge(source=f"{DRAW}.images", target=IMAGES)]
    if from_images:
        config = {"name": REFERENCES, "type": "json"}
        words.append(Node(id=REFERENCES, kind="input", label="Images to start from", config=config))
        links.append(Edge(source=REFERENCES, target=f"{DRAW}.images"))
    return Graph((*words, draw, images), tuple(links))


DRAWING = BuiltIn(name="drawing", title="Draw", graph=_graph(enhanced=False, from_images=False))
ENHANCED_DRAWING = BuiltIn(
    name="enhanced-drawing", title="Enhance and draw", graph=_graph(enhanced=True, from_images=False)
)
EDITING = BuiltIn(name="editing", title="Draw from images", graph=_graph(enhanced=False, from_images=True))
ENHANCED_EDITING = BuiltIn(
    name="enhanced-editing", title="Enhance and draw from images", graph=_graph(enhanced=True, from_images=True)
)

SHOT = BuiltIn(name="shot", title="Draw a shot", graph=Graph((Node(id=DRAW, kind="comfyui", label="Draw"),), ()))


def drawing(*, enhanced: bool, from_images: bool) -> BuiltIn:
    """The workflow that makes pictures of a prompt, which it may enhance first, and maybe of other pictures."""
    if from_images:
        return ENHANCED_EDITING if enhanced else EDITING
    return ENHANCED_DRAWING if enhanced else DRAWING


async def workflow_of(tx: Transaction, project: Project, built_in: BuiltIn) -> Workflow:
    """The project's copy; where Easel has brought another graph since it was made, that is its newest version."""
    found = await _newest(tx, project, built_in)
    if found is None or not _is_as_brought(found, built_in):
        await tx.get(Project, project.id, lock=True)  # of those who need it at once, one makes it
        found = await _newest(tx, project, built_in)
    if found is None:
        return _make(tx, project, built_in)
    if not _is_as_brought(found, built_in):
        _renew(tx, found, built_in)
    return found


async def _newest(tx: Transaction, project: Project, built_in: BuiltIn) -> Workflow | None:
    return await tx.newest(Workflow, project_id=project.id, built_in=built_in.name)


def _is_as_brought(workflow: Workflow, built_in: BuiltIn) -> bool:
    return (workflow.nodes, workflow.edges) == (built_in.graph.nodes, built_in.graph.edges)


def _make(tx: Transaction, project: Project, built_in: BuiltIn) -> Workflow:
    workflow = Workflow(
        organization_id=project.organization_id,
        project_id=project.id,
        name=built_in.title,
        built_in=built_in.name,
        nodes=built_in.graph.nodes,
        edges=built_in.graph.edges,
    )
    tx.add(workflow, workflow.as_version(_EASEL))
    return workflow


def _renew(tx: Transaction, workflow: Workflow, built_in: BuiltIn) -> None:
    workflow.nodes, workflow.edges = built_in.graph.nodes, built_in.graph.edges
    workflow.version += 1
    workflow.updated_at = datetime.now(UTC)
    tx.save(workflow)
    tx.add(workflow.as_version(_EASEL))


_EASEL = "easel"
