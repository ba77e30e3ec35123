"""A workflow's graph: nodes, the links between their ports, and every problem it can have, found all at once."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from domain.errors import InvalidInput
from domain.kinds import KINDS
from domain.kinds.kind import Port
from domain.plain import require_json_object

Side = Literal["inputs", "outputs"]


@dataclass(frozen=True)
class Position:
    """Where an editor draws a node, in pixels."""

    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Node:
    """`id` is the node's own name in its workflow: `[a-z][a-z0-9_-]{0,63}`."""

    id: str
    kind: str
    label: str | None = None
    config: dict[str, Any] | None = None
    position: Position | None = None

    @property
    def settings(self) -> dict[str, Any]:
        return {} if self.config is None else self.config


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Both ends are `node.port`; a port not named is the node's first."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class End:
    node: str
    port: str


@dataclass(frozen=True, slots=True)
class Link:
    """An edge with both ends resolved."""

    edge: Edge
    source: End
    target: End


@dataclass(frozen=True)
class Graph:
    """`scope` are the names that templates may use besides its own inputs: those of the graph it is a part of."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    scope: frozenset[str] = frozenset()

    @cached_property
    def by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every edge that joins two ports that exist."""
        pairs = ((edge, self._end(edge.source, "outputs"), self._end(edge.target, "inputs")) for edge in self.edges)
        return tuple(Link(edge, source, target) for edge, source, target in pairs if source and target)

    def _end(self, text: str, side: Side) -> End | None:
        name, _, port_name = text.partition(".")
        found = next((p for p in self.ports(name, side) if p.name == port_name or not port_name), None)
        return End(name, found.name) if found else None

    def ports(self, name: str, side: Side) -> tuple[Port, ...]:
        """The node's ports on that side; none where there is no such node or kind, or its settings cannot be."""
        return self._ports.get(name, _NO_PORTS)[side == "outputs"]

    @cached_property
    def _ports(self) -> dict[str, tuple[tuple[Port, ...], tuple[Port, ...]]]:
        """Of each node, those that go in and those that come out: read once, as a map's are in its subgraph."""
        return {node.id: _ports_of(node) for node in self.nodes}

    @cached_property
    def predecessors(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {node.id: set() for node in self.nodes}
        for link in self.links:
            found[link.target.node].add(link.source.node)
        return found

    @cached_property
    def successors(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {node.id: set() for node in self.nodes}
        for link in self.links:
            found[link.source.node].add(link.target.node)
        return found

    @cached_property
    def links_into(self) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = {node.id: [] for node in self.nodes}
        for link in self.links:
            found[link.target.node].append(link)
        return found

    @property
    def input_nodes(self) -> list[Node]:
        return [node for node in self.nodes if node.kind == "input"]

    @cached_property
    def input_names(self) -> Counter[str]:
        """What the run's inputs are called, and how often; whatever is no name is a problem of its node."""
        named = (node.settings.get("name") for node in self.input_nodes if isinstance(node.settings, dict))
        return Counter(name for name in named if isinstance(name, str))

    @property
    def names(self) -> frozenset[str]:
        """What a template may name."""
        return self.scope | set(self.input_names)

    def with_settings(self, settings: dict[str, dict[str, Any]]) -> "Graph":
        """The same graph, whose nodes of these names have these settings beside their own."""
        nodes = (replace(node, config=node.settings | settings.get(node.id, {})) for node in self.nodes)
        return replace(self, nodes=tuple(nodes)) if settings else self

    @property
    def comfyui_ids(self) -> set[str]:
        """The assets whose graphs its `comfyui` nodes run, those inside its maps too."""
        own = {node.settings["asset"] for node in self.nodes if node.kind == "comfyui" and "asset" in node.settings}
        inner = (graph_inside(node.settings).comfyui_ids for node in self.nodes if node.kind == "map")
        return own.union(*inner)

    @property
    def prompt_ids(self) -> set[str]:
        """The PROMPT assets that its prompts name, those inside its maps too."""
        own = {id_ for node in self.nodes if node.kind == "prompt" for id_ in node.settings.get("prompts", {}).values()}
        inner = (graph_inside(node.settings).prompt_ids for node in self.nodes if node.kind == "map")
        return own.union(*inner)


def graph_inside(config: dict[str, Any], scope: frozenset[str] = frozenset()) -> Graph:
    """What a `map` with these settings runs for each item."""
    nodes = tuple(Node(**one) for one in config["nodes"])
    return Graph(nodes, tuple(Edge(**one) for one in config["edges"]), scope)


_NO_PORTS: tuple[tuple[Port, ...], tuple[Port, ...]] = ((), ())


def _ports_of(node: Node) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    kind = KINDS.get(node.kind)
    try:
        settings = require_json_object(node.settings, "config")
    except InvalidInput:
        return _NO_PORTS
    return (kind.inputs_of(settings), kind.outputs_of(settings)) if kind else _NO_PORTS
