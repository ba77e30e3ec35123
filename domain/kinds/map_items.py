"""`map`: a subgraph, run once for each item of its lists."""

from collections.abc import Collection, Iterable, Iterator
from itertools import product
from typing import Any

from domain.errors import InvalidInput
from domain.kinds.kind import ANY, Copies, NodeKind, Port, Work, settings

MOST_ITEMS = 1_000
_MOST_NODES = 100


async def run(work: Work) -> Copies:
    return Copies(items_of(work.config, work.inputs))


def items_of(config: dict[str, Any], inputs: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """
    What each copy is given: the lists side by side (zip), or each value with each other (product).

    Side by side, a list of one value stands for as many as the others have; else all must be of one length.
    """
    lists: dict[str, list[Any]] = {port.name: inputs.get(port.name, []) for port in _ports(config)[0]}
    together = _product if config.get("mode") == "product" else _zip
    return tuple(dict(zip(lists, values, strict=True)) for values in together(lists))


def _zip(lists: dict[str, list[Any]]) -> Iterable[tuple[Any, ...]]:
    lengths = {name: len(values) for name, values in lists.items() if len(values) != 1}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        raise InvalidInput(f"Lists that are taken side by side must be of one length: {told}", field="inputs")
    count = next(iter(lengths.values()), 1)
    _require_few(count)
    return zip(*(values * count if len(values) == 1 else values for values in lists.values()), strict=True)


def _product(lists: dict[str, list[Any]]) -> Iterable[tuple[Any, ...]]:
    count = 1
    for values in lists.values():
        count *= len(values)
    _require_few(count)
    return product(*lists.values())


def _require_few(count: int) -> None:
    if count > MOST_ITEMS:
        raise InvalidInput(f"A map takes up to {MOST_ITEMS:,} items; these would be {count:,}", field="inputs")


def _ports(config: dict[str, Any]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """A list for each input node of the subgraph, and a list for each of its output nodes."""
    inputs = tuple(Port(name, ANY, list=True) for name in _names(config, "input"))
    return inputs, tuple(Port(name, ANY, list=True) for name in _names(config, "output"))


def _names(config: dict[str, Any], kind: str) -> Iterator[str]:
    """Of whatever stands in the settings: they are read before they are known to be right."""
    nodes = config.get("nodes")
    found = [one for one in nodes if isinstance(one, dict)] if isinstance(nodes, list) else []
    for node in found:
        inner = node.get("config")
        name = inner.get("name", node.get("id")) if isinstance(inner, dict) else node.get("id")
        if node.get("kind") == kind and isinstance(name, str):
            yield name


def _no_inputs(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    if not _ports(config)[0]:
        yield "config.nodes: an input node is needed, which takes the items"


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return settings(properties, *required)


_NODE = _object(
    ("id", "kind"),
    id={"type": "string"},
    kind={"type": "string"},
    label={"type": ["string", "null"]},
    config={"type": ["object", "null"]},
    position={"anyOf": [{"type": "null"}, _object(("x", "y"), x={"type": "number"}, y={"type": "number"})]},
)
_EDGE = _object(("source", "target"), source={"type": "string"}, target={"type": "string"})

KIND = NodeKind(
    kind="map",
    title="For each",
    description=(
        "Runs a subgraph once for each item. The subgraph's input nodes are its inputs, each a list; its output nodes "
        "are its outputs, each a list in the order of the items."
    ),
    inputs=(Port("items", ANY, list=True),),
    outputs=(Port("results", ANY, list=True),),
    config_schema=settings(
        {
            "nodes": {"type": "array", "items": _NODE, "minItems": 1, "maxItems": _MOST_NODES, "title": "Nodes"},
            "edges": {"type": "array", "items": _EDGE, "maxItems": 5 * _MOST_NODES, "title": "Edges"},
            "mode": {
                "enum": ["zip", "product"],
                "default": "zip",
                "title": "Several lists",
                "description": "zip: side by side; product: each value with each other.",
            },
        },
        "nodes",
        "edges",
    ),
    ports=_ports,
    run=run,
    further_problems=_no_inputs,
)
