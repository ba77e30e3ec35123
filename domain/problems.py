"""What can be wrong with a workflow's graph: every problem, found all at once."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.graphs import Edge, End, Graph, Node, Side, graph_inside
from domain.kinds import KINDS
from domain.kinds.kind import ANY, Port
from domain.plain import plain, require_json_object
from domain.text import NAME_LENGTH, require_length

MOST_NODES = 1_000
MOST_EDGES = 5_000
_NODE_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a graph, at a node, at an edge, or with the whole."""

    code: str
    message: str
    node_id: str | None = None
    edge: Edge | None = None


def require_valid(graph: Graph) -> None:
    if found := problems(graph):
        first, more = found[0], len(found) - 1
        message = f"{first.message}{f' (and {more} more: see problems)' if more else ''}"
        raise DomainError(ErrorCode.WORKFLOW_INVALID, message, problems=plain(found[:100]), field="nodes")


def problems(graph: Graph) -> list[Problem]:
    """Everything wrong with the graph; empty when it can run."""
    if len(graph.nodes) > MOST_NODES or len(graph.edges) > MOST_EDGES or not graph.nodes:
        message = f"A workflow has 1 to {MOST_NODES:,} nodes and up to {MOST_EDGES:,} edges"
        return [Problem(code="SIZE", message=message)]
    return [
        *_identities(graph),
        *(problem for node in graph.nodes for problem in _node_problems(node, graph)),
        *(problem for edge in graph.edges for problem in _edge_problems(edge, graph)),
        *_port_problems(graph),
        *_unreachable(graph),
    ]


def _identities(graph: Graph) -> Iterator[Problem]:
    for name, count in Counter(node.id for node in graph.nodes).items():
        if not _NODE_ID.fullmatch(name):
            message = f"'{name[:80]}' is not a node id: use [a-z][a-z0-9_-]{{0,63}}"
            yield Problem(code="INVALID_ID", message=message, node_id=name)
        if count > 1:
            yield Problem(code="DUPLICATE_ID", message=f"{count} nodes are called '{name}'", node_id=name)
    for name, count in graph.input_names.items():
        if count > 1:
            yield Problem(code="DUPLICATE_INPUT", message=f"{count} input nodes ask for '{name[:80]}'")
    for name, count in Counter(output_name(node) for node in graph.nodes if node.kind == "output").items():
        if count > 1:
            yield Problem(code="DUPLICATE_OUTPUT", message=f"{count} output nodes are called '{name[:80]}'")


def output_name(node: Node) -> str:
    """What the value of an output node is called."""
    named = node.settings.get("name") if isinstance(node.settings, dict) else None
    return named if isinstance(named, str) else node.id


def _node_problems(node: Node, graph: Graph) -> Iterator[Problem]:
    if node.label is not None and (refused := _refused(require_length, node.label, "label", longest=NAME_LENGTH)):
        yield Problem(code="INVALID_LABEL", message=refused, node_id=node.id)
    kind = KINDS.get(node.kind)
    if kind is None:
        message = f"'{node.kind[:80]}' is not a kind of node; known: {', '.join(KINDS)}"
        yield Problem(code="UNKNOWN_KIND", message=message, node_id=node.id)
        return
    refused = _refused(require_json_object, node.settings, "config")
    found = [refused] if refused else kind.config_problems(node.settings, graph.names)
    yield from (Problem(code="INVALID_CONFIG", message=message, node_id=node.id) for message in found)
    if node.kind == "map" and not found:
        yield from (_inside(node, problem) for problem in problems(graph_inside(node.settings, graph.names)))


def _inside(node: Node, problem: Problem) -> Problem:
    """A problem of a subgraph, as one of the graph it is in: nodes are named `map/node`."""
    named = f"{node.id}/{problem.node_id}" if problem.node_id else node.id
    edge = problem.edge and Edge(source=f"{node.id}/{problem.edge.source}", target=f"{node.id}/{problem.edge.target}")
    return replace(problem, node_id=named, edge=edge)


def _refused(check: Callable[..., Any], *value: Any, **limits: Any) -> str | None:
    """What a check has against a value; None where it passes."""
    try:
        check(*value, **limits)
    except InvalidInput as error:
        return error.message
    return None


def _edge_problems(edge: Edge, graph: Graph) -> Iterator[Problem]:
    yield from _missing_nodes(edge, graph)
    source, target = _port(graph, edge.source, "outputs"), _port(graph, edge.target, "inputs")
    for found in (source, target):
        if isinstance(found, str):
            yield Problem(code="UNKNOWN_PORT", message=found, edge=edge)
    if isinstance(source, Port) and isinstance(target, Port) and not _fits(source, target):
        message = f"{edge.source} gives {source.described}, but {edge.target} takes {target.described}"
        yield Problem(code="TYPE_MISMATCH", message=message, edge=edge)


def _missing_nodes(edge: Edge, graph: Graph) -> Iterator[Problem]:
    for end in (edge.source, edge.target):
        name = end.partition(".")[0]
        if name not in graph.by_id:
            yield Problem(code="UNKNOWN_NODE", message=f"there is no node '{name[:80]}' in this workflow", edge=edge)


def _port(graph: Graph, text: str, side: Side) -> Port | str | None:
    """The port at an end of an edge, a sentence saying why there is none, or None where its node was reported."""
    name, _, port_name = text.partition(".")
    node = graph.by_id.get(name)
    if node is None or node.kind not in KINDS:
        return None
    ports = graph.ports(name, side)
    known = ", ".join(p.name for p in ports) or "none"
    missing = f"node '{name}' has no {side[:-1]} '{port_name[:80] or '(any)'}'; it has: {known}"
    return next((p for p in ports if p.name == port_name or not port_name), missing)


def _fits(source: Port, target: Port) -> bool:
    if target.type == ANY:
        return True
    return source.type in {ANY, target.type} and (target.list or not source.list)


def _port_problems(graph: Graph) -> Iterator[Problem]:
    """Required inputs that nothing feeds, and single inputs that several edges feed."""
    fed = Counter(link.target for link in graph.links)
    for node in graph.by_id.values():
        for port in graph.ports(node.id, "inputs"):
            count = fed[End(node.id, port.name)]
            if port.required and not count:
                message = f"'{node.id}' needs something for its input '{port.name}'"
                yield Problem(code="MISSING_INPUT", message=message, node_id=node.id)
            if count > 1 and not port.list:
                message = f"{count} edges lead to '{node.id}.{port.name}', which takes one value"
                yield Problem(code="PORT_TAKEN", message=message, node_id=node.id)


def _unreachable(graph: Graph) -> Iterator[Problem]:
    """Nodes that wait for each other, those that wait for such, and those that nothing joins to the joined ones."""
    order = TopologicalSorter(graph.predecessors)
    circle: list[str] = []
    try:
        order.prepare()
    except CycleError as error:
        circle = error.args[1]
        told = " → ".join(circle[:20])
        yield Problem(code="CYCLE", message=f"These nodes wait for each other: {told}", node_id=circle[0])
    for name in sorted(set(graph.by_id) - _reached(graph, order) - set(circle)):
        yield Problem(code="UNREACHABLE", message=f"'{name}' is never reached: it waits for a circle", node_id=name)
    for node in graph.nodes:
        alone = not graph.predecessors[node.id] and not graph.successors[node.id]
        if alone and graph.edges and node.kind in KINDS and node.kind != "input":
            message = f"'{node.id}' is connected to nothing: connect it, or take it out"
            yield Problem(code="UNREACHABLE", message=message, node_id=node.id)


def _reached(graph: Graph, order: "TopologicalSorter[str]") -> set[str]:
    """The nodes that get their turn; a sorter that has found a circle still goes as far as it can."""
    reached: set[str] = set()
    while ready := order.get_ready():
        reached.update(ready)
        order.done(*ready)
    return reached
