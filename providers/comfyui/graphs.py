"""Graphs as they are sent: names of files in place, an output that no cache can answer for."""

from copy import deepcopy
from hashlib import sha256
from typing import Any

Graph = dict[str, dict[str, Any]]

_SEEDS = ("seed", "noise_seed")
_ENDINGS = {b"\x89PNG": ("png", "image/png"), b"\xff\xd8\xff": ("jpg", "image/jpeg"), b"RIFF": ("webp", "image/webp")}


def made_unique(graph: Graph, output: str, prompt_id: str) -> Graph:
    """
    A copy whose output node was never asked before.

    Otherwise ComfyUI answers an equal graph with the names of the files it wrote then, there or not. An input that a
    node does not know changes nothing but what its cache goes by.
    """
    copied = deepcopy(graph)
    inputs = copied[output].setdefault("inputs", {})
    if "filename_prefix" in inputs:
        inputs["filename_prefix"] = f"easel/{prompt_id}"
    else:
        inputs["easel_prompt"] = prompt_id
    return copied


def upload_of(picture: bytes) -> tuple[str, bytes, str]:
    """A name made of what the picture is, its bytes and its type: sent twice, it is stored once."""
    extension, mime_type = next(
        (end for start, end in _ENDINGS.items() if picture.startswith(start)), _ENDINGS[b"\x89PNG"]
    )
    return f"easel-{sha256(picture).hexdigest()[:40]}.{extension}", picture, mime_type


def seed_of(graph: Graph) -> str | None:
    """The seed, where the graph has just one."""
    inputs = [node.get("inputs") for node in graph.values()]
    seeds = {
        given[name] for given in inputs if isinstance(given, dict) for name in _SEEDS if type(given.get(name)) is int
    }
    return str(seeds.pop()) if len(seeds) == 1 else None
