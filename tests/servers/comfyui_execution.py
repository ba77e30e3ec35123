"""One prompt being run: node after node, from the cache where it can be, interrupted where it may be."""

import asyncio
import os
from contextlib import suppress
from typing import Any

from tests.servers.comfyui_behaviours import OF_NODES
from tests.servers.comfyui_news import News
from tests.servers.comfyui_pictures import Blocked, make, preview
from tests.servers.comfyui_plan import cache_keys, in_order, links, reachable
from tests.servers.comfyui_queue import Item
from tests.servers.comfyui_saving import save_images, websocket_frames
from tests.servers.comfyui_sockets import JPEG, PNG
from tests.servers.comfyui_state import HOLD_LIMIT_SECONDS, ComfyState

OUT_OF_MEMORY = "Allocation on device 0 would exceed allowed memory. (out of memory)"
REPR_CHARACTERS = 9000
Result = tuple[tuple[Any, ...], dict[str, Any] | None]


class Ended(Exception):
    """Before its last node; `told` is what is said of it."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__()
        self.told = told


class Interrupted(Ended):
    pass


class Failed(Ended):
    pass


class OutOfMemoryError(Exception):
    pass


class Execution:
    def __init__(self, state: ComfyState, item: Item) -> None:
        self.state = state
        self.item = item
        self.graph = item.graph
        self.behaviour = item.behaviour
        self.news = News(state, item)
        self.executed: list[str] = []
        self.values: dict[str, tuple[Any, ...]] = {}

    async def run(self) -> None:
        """Returns when it has succeeded; Interrupted or Failed otherwise."""
        if isinstance(self.item.client_id, dict | list):
            os._exit(1)  # the real one dies of it too
        self.state.hub.current = (self.item.client_id, None)
        self.news.tell_lasting("execution_start", {})
        nodes = reachable(self.graph, self.item.outputs)
        keys = cache_keys(self.graph, nodes, self.state.content_of)
        self._mark_changed(nodes)
        cached = self._cached(keys)
        self.news.tell_lasting("execution_cached", {"nodes": list(cached)})
        order = list(in_order(self.graph, nodes))
        special = self._special([node_id for node_id in order if node_id not in cached])
        for node_id in order:
            if node_id in cached:
                self._reuse(node_id, cached[node_id])
            else:
                self.state.cache[keys[node_id]] = await self._run(node_id, is_special=node_id == special)

    def _cached(self, keys: dict[str, str]) -> dict[str, Result]:
        if self.behaviour.name in OF_NODES:
            return {}
        return {node_id: self.state.cache[key] for node_id, key in keys.items() if key in self.state.cache}

    def _mark_changed(self, nodes: list[str]) -> None:
        """The graph that history and the picture's metadata show says of what content a picture was loaded."""
        for node in (self.graph[node_id] for node_id in nodes):
            if node["class_type"] == "LoadImage":
                node["is_changed"] = [self.state.content_of(node["inputs"]["image"])]

    def _special(self, nodes: list[str]) -> str | None:
        """Where the script strikes: in the sampler, else in the first node that runs."""
        if self.behaviour.name == "success-after-interrupt":
            return nodes[-1] if nodes else None
        slow = (n for n in nodes if self.graph[n]["class_type"] in {"KSampler", "LabSlow"})
        return next(slow, nodes[0] if nodes else None)

    def _reuse(self, node_id: str, result: Result) -> None:
        self.values[node_id], output = result
        if output is not None:
            self.news.put_out(node_id, output)
            self.news.end(node_id)

    async def _run(self, node_id: str, *, is_special: bool) -> Result:
        self.news.begin(node_id)
        self._check(node_id)
        try:
            if is_special:
                await self._misbehave(node_id)
            values, output = await self._compute(node_id)
        except Interrupted:
            raise
        except Exception as error:  # whatever a node raises is what is told of it, as by a real one
            raise Failed(self._failure(node_id, error)) from error
        self.values[node_id] = values
        if output is not None:
            self.news.put_out(node_id, output)
        self.news.end(node_id)
        self.executed.append(node_id)
        return values, output

    async def _compute(self, node_id: str) -> Result:
        class_type, inputs = self.graph[node_id]["class_type"], self._inputs(node_id)
        if (self.behaviour.name, self.behaviour.argument) == ("error", class_type):
            raise RuntimeError("told to by the script")
        if blocked := self._blocked(node_id, inputs):
            return self._block(node_id, blocked), None
        if class_type in {"KSampler", "LabSlow"}:
            await self._steps(node_id, inputs)
        if class_type == "LabError":
            raise ValueError(inputs["msg"])
        loaded = self.state.folders.loaded(inputs["image"]).read_bytes() if class_type == "LoadImage" else None
        values = make(class_type, inputs, loaded)
        return values, self._save(node_id, class_type, inputs)

    def _save(self, node_id: str, class_type: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
        if class_type in {"SaveImage", "PreviewImage"}:
            return save_images(self.state.folders, self.item, class_type, inputs)
        if class_type == "SaveImageWebsocket":
            frames = websocket_frames(inputs["images"])
            for index, picture in enumerate(frames):
                self.news.step(node_id, index, len(frames), picture, PNG)
        return None

    def _inputs(self, node_id: str) -> dict[str, Any]:
        sources = links(self.graph, node_id)
        values = {name: self.values[source][slot] for name, (source, slot) in sources.items()}
        return {**self.graph[node_id]["inputs"], **values}

    async def _steps(self, node_id: str, inputs: dict[str, Any]) -> None:
        count, has_preview = inputs["steps"], inputs.get("preview", True)
        for step in range(1, count + 1):
            await asyncio.sleep(inputs.get("delay", self.state.step_seconds))  # the work of a step
            if inputs.get("check_interrupt", True):
                self._check(node_id)
            picture = preview(f"{node_id}/{self.item.prompt_id}", step) if has_preview else None
            self.news.step(node_id, step, count, picture, JPEG)

    def _check(self, node_id: str) -> None:
        if self.item.interrupted.is_set() and self.behaviour.name != "success-after-interrupt":
            raise Interrupted(self._where(node_id))

    async def _misbehave(self, node_id: str) -> None:
        """Waits as the script wants, and at once listens to interrupts, as a sampler with many steps would."""
        if self.behaviour.name == "slow":
            await self._wait(self.behaviour.seconds)
        elif self.behaviour.name in {"hold", "success-after-interrupt"}:
            await self._wait(HOLD_LIMIT_SECONDS, self.behaviour.released)
        elif self.behaviour.name == "oom":
            raise OutOfMemoryError(OUT_OF_MEMORY)
        self._check(node_id)

    async def _wait(self, seconds: float, *events: asyncio.Event) -> None:
        tasks = [asyncio.ensure_future(event.wait()) for event in (self.item.interrupted, *events)]
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    def _blocked(self, node_id: str, inputs: dict[str, Any]) -> Blocked | None:
        if self.behaviour.name == "blocked" and node_id in self.item.outputs:
            return Blocked("told to by the script")
        return next((value for value in inputs.values() if isinstance(value, Blocked)), None)

    def _block(self, node_id: str, blocked: Blocked) -> tuple[Any, ...]:
        """The first node behind a blocker with a message tells of it, without a time, and the job goes on."""
        if blocked.message is not None:
            told = {**self._where(node_id), "exception_message": f"Execution Blocked: {blocked.message}"}
            more = {"exception_type": "ExecutionBlocked", "traceback": [], "current_inputs": [], "current_outputs": []}
            self.news.tell("execution_error", {**told, **more})
        return (Blocked(None),) * 3

    def _where(self, node_id: str) -> dict[str, Any]:
        return {
            "prompt_id": self.item.prompt_id,
            "node_id": node_id,
            "node_type": self.graph[node_id]["class_type"],
            "executed": list(self.executed),
        }

    def _failure(self, node_id: str, error: Exception) -> dict[str, Any]:
        is_memory = isinstance(error, OutOfMemoryError)
        inputs = {name: [str(value)[:REPR_CHARACTERS]] for name, value in self._inputs(node_id).items()}
        return {
            **self._where(node_id),
            "exception_message": f"{error}\n",
            "exception_type": "torch.OutOfMemoryError" if is_memory else type(error).__name__,
            "traceback": ['  File "/srv/comfyui/execution.py", line 1, in execute\n'],
            "current_inputs": inputs,
            "current_outputs": list(self.graph),
        }
