"""Graphs, runs and steps in a line, and any JSON there is."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from domain.errors import DomainError
from domain.graphs import Edge, Graph, Node
from domain.ids import new_id
from domain.runs import Run
from domain.steps import Source, Step, StepStatus

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def refusal(of: Callable[[], object]) -> DomainError | None:
    """What it refuses with, or None; any other exception goes on."""
    try:
        of()
    except DomainError as error:
        return error
    return None


def node(id: str, kind: str, **config: Any) -> Node:
    return Node(id=id, kind=kind, config=config)


def edge(text: str) -> Edge:
    """An edge, written as `a > b.port`."""
    source, _, target = text.partition(" > ")
    return Edge(source=source, target=target)


def graph(*nodes: Node, edges: tuple[str, ...] = ()) -> Graph:
    return Graph(nodes, tuple(edge(text) for text in edges))


def picture_graph(**config: Any) -> Graph:
    """Input, picture, output: the smallest graph that makes something; `config` is the picture's."""
    return graph(
        node("prompt", "input", name="prompt"),
        node("picture", "generate_image", **config),
        node("image", "output"),
        edges=("prompt > picture", "picture > image"),
    )


def chain(length: int) -> Graph:
    """An input and as many prompts, each of which goes on with the text of the one before."""
    names = ["first", *(f"p{number}" for number in range(1, length))]
    prompts = (node(name, "prompt", template="{{text}}!") for name in names[1:])
    links = tuple(f"{one} > {next_}" for one, next_ in pairwise(names))
    return graph(node("first", "input", name="words"), *prompts, edges=links)


def run(**fields: Any) -> Run:
    known = {"inputs": {}, "steps_total": 4, "workflow_version": 1, "trace_id": "t", "created_by": "k"}
    ids = {name: new_id() for name in ("organization_id", "project_id", "workflow_id")}
    return Run(**{**known, **ids, **fields})


def step(node_id: str, kind: str, *sources: Source, **fields: Any) -> Step:
    known: dict[str, Any] = {"label": None, "config": {}, "targets": (), "waits_for": 0, "status": StepStatus.PENDING}
    ids = {name: new_id() for name in ("organization_id", "project_id", "run_id")}
    return Step(**{**known, **ids, "node_id": node_id, "kind": kind, "sources": sources, **fields})
