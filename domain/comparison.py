"""What changed from one version of a workflow to another, node by node and edge by edge."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from domain.graphs import Edge, Node
from domain.workflows import WorkflowVersion

MOST_CONFIG_CHANGES = 100
LONGEST_KEY = 80
LONGEST_PATH = 200
_NOTHING = object()


class NodePart(StrEnum):
    KIND = "KIND"
    LABEL = "LABEL"
    CONFIG = "CONFIG"
    POSITION = "POSITION"


_PARTS: dict[NodePart, Callable[[Node], Any]] = {
    NodePart.KIND: lambda node: node.kind,
    NodePart.LABEL: lambda node: node.label,
    NodePart.CONFIG: lambda node: node.settings,
    NodePart.POSITION: lambda node: node.position,
}


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A setting before and after; None where there was none. `path` joins its keys by dots, empty for all of them."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node that is in both versions, but not the same."""

    before: Node
    after: Node

    @property
    def node_id(self) -> str:
        return self.after.id

    @property
    def parts(self) -> list[NodePart]:
        return [part for part, of in _PARTS.items() if not _same(of(self.before), of(self.after))]

    @property
    def config(self) -> list[ConfigChange]:
        return list(islice(_config_changes(self.before.settings, self.after.settings), MOST_CONFIG_CHANGES))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of a workflow, and how they differ. The order of nodes and edges is no difference."""

    before: WorkflowVersion
    after: WorkflowVersion

    @property
    def nodes_added(self) -> list[Node]:
        return _missing(self.after.nodes, self.before.graph.by_id)

    @property
    def nodes_removed(self) -> list[Node]:
        return _missing(self.before.nodes, self.after.graph.by_id)

    @property
    def nodes_changed(self) -> list[NodeChange]:
        was = self.before.graph.by_id
        pairs = [NodeChange(was[node.id], node) for node in self.after.nodes if node.id in was]
        return [pair for pair in pairs if pair.parts]

    @property
    def edges_added(self) -> list[Edge]:
        return _surplus(self.after.edges, self.before.edges)

    @property
    def edges_removed(self) -> list[Edge]:
        return _surplus(self.before.edges, self.after.edges)


def _missing(nodes: tuple[Node, ...], known: dict[str, Node]) -> list[Node]:
    return [node for node in nodes if node.id not in known]


def _surplus(edges: tuple[Edge, ...], others: tuple[Edge, ...]) -> list[Edge]:
    return list((Counter(edges) - Counter(others)).elements())


def _config_changes(before: Any, after: Any, path: str = "") -> Iterator[ConfigChange]:
    """Objects are told key by key, lists of one length item by item, anything else as a whole."""
    if _same(before, after):
        return
    inside = _inside(before, after) if len(path) <= LONGEST_PATH else []
    if not inside:
        yield ConfigChange(path, *(None if value is _NOTHING else value for value in (before, after)))
    for key, was, is_ in inside:
        yield from _config_changes(was, is_, f"{path}.{key}" if path else key)


def _inside(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """What both hold under each key; nothing where they have to be told as a whole."""
    match before, after:
        case dict(), dict() if all(0 < len(key) <= LONGEST_KEY and "." not in key for key in before | after):
            return [(key, before.get(key, _NOTHING), after.get(key, _NOTHING)) for key in before | after]
        case list(), list() if len(before) == len(after):
            return [(str(place), *pair) for place, pair in enumerate(zip(before, after, strict=True))]
    return []


def _same(before: Any, after: Any) -> bool:
    """Equal as JSON, where true is not 1."""
    match before, after:
        case dict(), dict():
            return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
        case list(), list():
            return len(before) == len(after) and all(map(_same, before, after))
    return isinstance(before, bool) is isinstance(after, bool) and bool(before == after)
