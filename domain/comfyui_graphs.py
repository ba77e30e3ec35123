"""Graphs of ComfyUI in its API format, with the inputs that Easel fills in: their bindings."""

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from domain.errors import InvalidInput
from domain.plain import require_json_object

# What is bound to a picture, or to what runs say of themselves; all other names are the graph's own (steps, cfg, …).
PROMPT, NEGATIVE, SOURCE, SEED = "prompt", "negative", "source", "seed"
MOST_TOLD = 20
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundGraph:
    """
    `bindings` say which inputs of which nodes a name fills in, each as `node.input`; `output` is the node whose
    pictures are wanted.
    """

    graph: dict[str, dict[str, Any]]
    bindings: dict[str, tuple[str, ...]]
    output: str

    @classmethod
    def read(cls, graph: Any, declared: Any, field: str) -> "BoundGraph":
        """
        The graph as ComfyUI exports it for its API, with `{"bindings": {…}, "output": …}` beside it.

        Raises InvalidInput with the first thing that is wrong and how to mend it.
        """
        nodes = _nodes(graph, field)
        known = require_json_object(declared, f"{field}.metadata")
        bindings = require_json_object(known.get("bindings"), f"{field}.bindings")
        output = _output(known.get("output"), nodes, field)
        bound = cls(graph=nodes, bindings=_ends(bindings, nodes, field), output=output)
        if PROMPT not in bound.bindings:
            raise InvalidInput(f'{field}.bindings must name where the prompt goes: {{"prompt": "6.text"}}', field=field)
        return bound

    @property
    def as_text(self) -> str:
        """For keeping it as it is now."""
        return json.dumps({"graph": self.graph, "bindings": self.bindings, "output": self.output}, ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> "BoundGraph":
        kept = json.loads(text)
        bindings = {name: tuple(ends) for name, ends in kept["bindings"].items()}
        return cls(graph=kept["graph"], bindings=bindings, output=kept["output"])

    def unbound(self, values: dict[str, Any]) -> list[str]:
        """Those of these names that the graph has no place for."""
        return [name for name in values if name not in self.bindings]

    def filled_in(self, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The graph with these values in their places; what is not given stays as it was exported."""
        graph = deepcopy(self.graph)
        for name, value in values.items():
            for node, given in self.places(name):
                graph[node]["inputs"][given] = value
        return graph

    def places(self, name: str) -> list[tuple[str, str]]:
        """The inputs that this name fills in: node id and input."""
        return [_end(end) for end in self.bindings.get(name, ())]


def require_values(values: Any, field: str) -> dict[str, Any]:
    """What is filled in is a text, a number, true or false."""
    checked = require_json_object(values, field)
    for name, value in checked.items():
        if not isinstance(value, _SCALARS):
            message = f"{field}.{name[:80]} must be a text, a number, true or false"
            raise InvalidInput(message, field=f"{field}.{name[:80]}")
    return checked


def _nodes(graph: Any, field: str) -> dict[str, dict[str, Any]]:
    if not isinstance(graph, dict) or not graph:
        raise InvalidInput(f"{field} must be a graph in ComfyUI's API format: a JSON object of nodes", field=field)
    if "nodes" in graph and "links" in graph:
        message = f"{field} is saved for ComfyUI's editor: export it in the API format (Workflow, Export (API))"
        raise InvalidInput(message, field=field)
    for name, node in graph.items():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            raise InvalidInput(f"{field}: node '{str(name)[:80]}' has no class_type", field=field)
        if not isinstance(node.get("inputs"), dict):
            raise InvalidInput(f"{field}: node '{str(name)[:80]}' has no inputs", field=field)
    return graph


def _ends(bindings: dict[str, Any], nodes: dict[str, dict[str, Any]], field: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, places in bindings.items():
        ends = places if isinstance(places, list) and places else [places]
        for end in ends:
            node, given = _end(end) if isinstance(end, str) else ("", "")
            if node not in nodes or not given:
                has = ", ".join(sorted(nodes)[:MOST_TOLD])
                message = (
                    f"{field}.bindings.{name[:80]} must say which input of which node it fills in, as 3.seed; "
                    f"the graph has the nodes {has}"
                )
                raise InvalidInput(message, field=f"{field}.bindings.{name[:80]}")
        found[name] = tuple(ends)
    return found


def _end(text: str) -> tuple[str, str]:
    node, _, given = text.rpartition(".")
    return node, given


def _output(output: Any, nodes: dict[str, dict[str, Any]], field: str) -> str:
    if not isinstance(output, str) or output not in nodes:
        message = f"{field}.output must be the id of the node whose pictures are wanted, mostly a SaveImage"
        raise InvalidInput(message, field=f"{field}.output")
    return output
