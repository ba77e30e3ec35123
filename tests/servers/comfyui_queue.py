"""What waits, what runs and what was: all of it in RAM, as the real server keeps it."""

import asyncio
import heapq
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.servers.comfyui_behaviours import Behaviour

SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")
_arrivals = count()


class TieError(Exception):
    """Same number and same id: the real heap fails on comparing the graphs, after it has taken the prompt in."""


@dataclass(slots=True, eq=False)
class Item:
    number: float
    prompt_id: str
    graph: dict[str, Any]
    extra_data: dict[str, Any]
    outputs: list[str]
    behaviour: Behaviour = field(default_factory=Behaviour)
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    arrival: int = field(default_factory=lambda: next(_arrivals))

    def __lt__(self, other: "Item") -> bool:
        return (self.number, self.prompt_id, self.arrival) < (other.number, other.prompt_id, other.arrival)

    @property
    def client_id(self) -> Any:
        return self.extra_data.get("client_id")

    def shown(self) -> list[Any]:
        return [self.number, self.prompt_id, self.graph, self.extra_data, self.outputs]

    def recorded(self) -> list[Any]:
        """As history shows it."""
        public = {key: value for key, value in self.extra_data.items() if key not in SECRETS}
        return [self.number, self.prompt_id, self.graph, public, self.outputs]


@dataclass(slots=True)
class PromptQueue:
    pending: list[Item] = field(default_factory=list)
    running: Item | None = None
    history: dict[str, Any] = field(default_factory=dict)
    counter: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def remaining(self) -> int:
        return len(self.pending) + (self.running is not None)

    def number(self, *, front: bool) -> int:
        number, self.counter = self.counter, self.counter + 1
        return -number if front else number

    def put(self, item: Item) -> None:
        is_tie = any((other.number, other.prompt_id) == (item.number, item.prompt_id) for other in self.pending)
        heapq.heappush(self.pending, item)
        self._changed.set()
        if is_tie:
            raise TieError

    async def take(self) -> Item:
        """The next to run, from now on the running one; an interrupt meant for an earlier one does not reach it."""
        while not self.pending:
            self._changed.clear()
            await self._changed.wait()
        self.running = heapq.heappop(self.pending)
        self.running.interrupted.clear()
        return self.running

    def finish(self, item: Item, entry: dict[str, Any] | None) -> None:
        """Ends the running one; history keeps the last entry of an id, at its end."""
        self.running = None
        if entry is not None:
            self.history.pop(item.prompt_id, None)
            self.history[item.prompt_id] = entry

    def delete(self, prompt_id: str) -> bool:
        found = next((item for item in self.pending if item.prompt_id == prompt_id), None)
        if found is not None:
            self.pending.remove(found)
            heapq.heapify(self.pending)
        return found is not None

    def clear(self) -> None:
        self.pending.clear()

    def interrupt(self, prompt_id: str | None = None) -> bool:
        """Whether there was something to signal; None means whatever runs."""
        if self.running is None or prompt_id not in {None, self.running.prompt_id}:
            return False
        self.running.interrupted.set()
        return True

    def shown(self) -> dict[str, Any]:
        running = [self.running.shown()] if self.running else []
        return {"queue_running": running, "queue_pending": [item.shown() for item in self.pending]}


def now_ms() -> int:
    return int(time.time() * 1000)
