"""In which order a graph's nodes run, and by what key the cache knows each."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers.comfyui_nodes import NODE_CLASSES

Graph = dict[str, Any]


def links(graph: Graph, node_id: str) -> dict[str, tuple[str, int]]:
    """The inputs that come from other nodes."""
    inputs = graph[node_id]["inputs"].items()
    return {name: (v[0], v[1]) for name, v in inputs if isinstance(v, list) and len(v) == 2 and v[0] in graph}


def reachable(graph: Graph, outputs: list[str]) -> list[str]:
    """The nodes these outputs are made of, in the graph's order."""
    found: set[str] = set()
    ahead = list(outputs)
    while ahead:
        if (node_id := ahead.pop()) not in found:
            found.add(node_id)
            ahead += [source for source, _ in links(graph, node_id).values()]
    return [node_id for node_id in graph if node_id in found]


def cache_keys(graph: Graph, nodes: list[str], content_of: Callable[[str], str]) -> dict[str, str]:
    """All that a node's result depends on: its inputs, unknown ones too, those above it, and the file it reads."""
    keys: dict[str, str] = {}
    for node_id in in_order(graph, nodes):
        node, sources = graph[node_id], links(graph, node_id)
        inputs = {**node["inputs"], **{name: [keys[source], slot] for name, (source, slot) in sources.items()}}
        content = content_of(inputs["image"]) if node["class_type"] == "LoadImage" else ""
        keys[node_id] = json.dumps([node["class_type"], inputs, content], sort_keys=True)
    return keys


def in_order(graph: Graph, nodes: list[str]) -> Iterator[str]:
    """Each node after those it needs; of those that could be next, an output first."""
    ahead = list(nodes)
    while ahead:
        ready = [n for n in ahead if not any(source in ahead for source, _ in links(graph, n).values())]
        chosen = next((n for n in ready if NODE_CLASSES[graph[n]["class_type"]].is_output), ready[0])
        ahead.remove(chosen)
        yield chosen
