"""How far a prompt is, from what its server tells of each node."""

from collections.abc import Callable, Collection
from typing import Any

_MOST_STEPS = 1e12
_MOST_TOLD = 0.99  # the rest is fetching the pictures


class Progress:
    """
    Counts every node of the graph alike, and never goes back, whichever prompt the graph is run by.

    Foreign prompts and unknown nodes are not counted.
    """

    def __init__(self, nodes: Collection[str], report: Callable[[float], None]) -> None:
        self._nodes = nodes
        self._report = report
        self._told = 0.0
        self.begin("")

    def begin(self, prompt_id: str) -> None:
        self._prompt_id = prompt_id
        self._done = dict.fromkeys(self._nodes, 0.0)

    def hear(self, kind: object, data: dict[str, Any]) -> bool:
        """Takes a message in. Whether it says that the prompt is over."""
        if data.get("prompt_id") != self._prompt_id:
            return False
        match kind, data:
            case "execution_cached", {"nodes": list(nodes)}:
                for node in nodes:
                    self._count(node, 1.0)
            case "progress_state", {"nodes": dict(nodes)}:
                for node, state in nodes.items():
                    self._count(node, _part(state))
            case "progress", {"node": node}:
                self._count(node, _part(data))
        self._tell()
        return kind == "executing" and data.get("node", "") is None

    def _count(self, node: object, part: float) -> None:
        if isinstance(node, str) and node in self._done:
            self._done[node] = max(self._done[node], part)

    def _tell(self) -> None:
        whole = min(sum(self._done.values()) / max(len(self._done), 1), _MOST_TOLD)
        if whole > self._told:
            self._told = whole
            self._report(whole)


def _part(state: object) -> float:
    match state:
        case {"state": "finished"}:
            return 1.0
        case {"value": int() | float() as value, "max": int() | float() as most} if (
            0 <= value <= most <= _MOST_STEPS and most
        ):
            return value / most
    return 0.0
