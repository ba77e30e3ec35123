"""One prompt being run: node after node, from the cache where it can be, interrupted where it may be."""

import asyncio
import os
from contextlib import suppress
from typing import Any

from tests.servers.comfyui_behaviours import OF_FILES, OF_NODES
from tests.servers.comfyui_pictures import Blocked, make, preview
from tests.servers.comfyui_plan import cache_keys, in_order, links, reachable
from tests.servers.comfyui_queue import Item, now_ms
from tests.servers.comfyui_saving import save_images, websocket_frames
from tests.servers.comfyui_sockets import JPEG, PNG, Frame, Message
from tests.servers.comfyui_state import HOLD_LIMIT_SECONDS, ComfyState

OUT_OF_MEMORY = "Allocation on device 0 would exceed allowed memory. (out of memory)\n"
CHANGED = "is_changed"


class Interrupted(Exception):
    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__("interrupted")
        self.told = told


class Failed(Exception):
    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__("a node failed")
        self.told = told


class NodeError(Exception):
    """What the script wants a node to raise."""


class Execution:
    def __init__(self, state: ComfyState, item: Item) -> None:
        self.state = state
        self.item = item
        self.graph = item.graph
        self.behaviour = item.behaviour
        self.messages: list[Any] = []
        self.outputs: dict[str, Any] = {}
        self.executed: list[str] = []
        self.progress: dict[str, Any] = {}
        self.values: dict[str, tuple[Any, ...]] = {}

    async def run(self) -> None:
        client_id = self.item.client_id
        if isinstance(client_id, dict | list):
            os._exit(1)  # the real one dies of it too
        self.state.hub.current = (client_id, None)
        nodes = reachable(self.graph, self.item.outputs)
        self.tell_lasting("execution_start", {"prompt_id": self.item.prompt_id})
        keys = cache_keys(self.graph, nodes, self.state.content_of)
        self._mark_changed(nodes)
        cached = self._cached(keys)
        self.tell_lasting("execution_cached", {"nodes": list(cached), "prompt_id": self.item.prompt_id})
        order = list(in_order(self.graph, nodes))
        special = self._special([node_id for node_id in order if node_id not in cached])
        for node_id in order:
            if node_id in cached:
                self._reuse(node_id, *cached[node_id])
            else:
                self.state.cache[keys[node_id]] = await self._run(node_id, is_special=node_id == special)

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        self.state.hub.tell(Message(kind, data), self.item.client_id)

    def tell_lasting(self, kind: str, data: dict[str, Any]) -> None:
        """What history keeps too."""
        told = {**data, "timestamp": now_ms()}
        self.messages.append([kind, told])
        self.tell(kind, told)

    def _cached(self, keys: dict[str, str]) -> dict[str, Any]:
        if self.behaviour.name in OF_NODES:
            return {}
        return {node_id: self.state.cache[key] for node_id, key in keys.items() if key in self.state.cache}

    def _mark_changed(self, nodes: list[str]) -> None:
        for node in (self.graph[node_id] for node_id in nodes):
            if node["class_type"] == "LoadImage":
                node[CHANGED] = [self.state.content_of(node["inputs"]["image"])]

    def _special(self, nodes: list[str]) -> str | None:
        """Where the script strikes: in the sampler, else in the first node that runs."""
        if self.behaviour.name == "success-after-interrupt":
            return nodes[-1] if nodes else None
        slow = (n for n in nodes if self.graph[n]["class_type"] in {"KSampler", "LabSlow"})
        return next(slow, nodes[0] if nodes else None)

    def _reuse(self, node_id: str, values: tuple[Any, ...], output: dict[str, Any] | None) -> None:
        self.values[node_id] = values
        if output is not None:
            self._tell_output(node_id, output)
            self._report(node_id, 1, 1, "finished")

    async def _run(self, node_id: str, *, is_special: bool) -> tuple[tuple[Any, ...], dict[str, Any] | None]:
        self._report(node_id, 0.0, 1.0, "running")
        self.state.hub.current = (self.item.client_id, node_id)
        self.tell("executing", {"node": node_id, "display_node": node_id, "prompt_id": self.item.prompt_id})
        self._check(node_id)
        try:
            if is_special:
                await self._misbehave(node_id)
            values, output = await self._compute(node_id)
        except Interrupted:
            raise
        except Exception as error:
            raise Failed(self._failure(node_id, error)) from error
        self.values[node_id] = values
        if output is not None:
            self._tell_output(node_id, output)
        last = self.progress[node_id]["max"]
        self._report(node_id, last, last, "finished")
        self.executed.append(node_id)
        return values, output

    async def _compute(self, node_id: str) -> tuple[tuple[Any, ...], dict[str, Any] | None]:
        class_type, inputs = self.graph[node_id]["class_type"], self._inputs(node_id)
        self._raise_scripted(class_type)
        blocked = next((value for value in inputs.values() if isinstance(value, Blocked)), None)
        if self.behaviour.name == "blocked" and node_id in self.item.outputs:
            blocked = Blocked("told to by the script")
        if blocked is not None:
            return self._block(node_id, blocked), None
        if class_type == "KSampler":
            await self._steps(node_id, inputs["steps"], self.state.step_seconds)
        if class_type == "LabSlow":
            await self._steps(
                node_id,
                inputs["steps"],
                inputs["delay"],
                has_preview=inputs["preview"],
                checks=inputs["check_interrupt"],
            )
        if class_type == "LabError":
            raise ValueError(inputs["msg"])
        loaded = self.state.folders.loaded(inputs["image"]).read_bytes() if class_type == "LoadImage" else None
        values = make(class_type, inputs, loaded)
        return values, await self._save(node_id, class_type, inputs)

    async def _save(self, node_id: str, class_type: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
        if class_type in {"SaveImage", "PreviewImage"}:
            return await asyncio.to_thread(save_images, self.state.folders, self.item, class_type, inputs)
        if class_type == "SaveImageWebsocket":
            frames = websocket_frames(inputs["images"])
            for index, picture in enumerate(frames):
                self._tell_step(node_id, index, len(frames), picture, PNG)
        return None

    def _inputs(self, node_id: str) -> dict[str, Any]:
        sources = links(self.graph, node_id)
        values = {name: self.values[source][slot] for name, (source, slot) in sources.items()}
        return {**self.graph[node_id]["inputs"], **values}

    async def _steps(
        self, node_id: str, count: int, seconds: float, *, has_preview: bool = True, checks: bool = True
    ) -> None:
        for step in range(1, count + 1):
            await asyncio.sleep(seconds)
            if checks:
                self._check(node_id)
            picture = preview(f"{node_id}/{self.item.prompt_id}", step) if has_preview else None
            self._tell_step(node_id, step, count, picture, JPEG)

    def _tell_step(self, node_id: str, value: int, last: int, picture: bytes | None, picture_format: int) -> None:
        self._report(node_id, value, last, "running")
        self._tell_frame(node_id, picture, picture_format, has_metadata=True)
        self.tell("progress", {"value": value, "max": last, "prompt_id": self.item.prompt_id, "node": node_id})
        self._tell_frame(node_id, picture, picture_format, has_metadata=False)

    def _tell_frame(self, node_id: str, picture: bytes | None, picture_format: int, *, has_metadata: bool) -> None:
        if picture is not None:
            frame = Frame(self.item.prompt_id, node_id, picture, picture_format, has_metadata)
            self.state.hub.tell(frame, self.item.client_id)

    def _report(self, node_id: str, value: float, last: float, node_state: str) -> None:
        self.progress[node_id] = {
            "value": value,
            "max": last,
            "state": node_state,
            "node_id": node_id,
            "prompt_id": self.item.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        self.tell("progress_state", {"prompt_id": self.item.prompt_id, "nodes": dict(self.progress)})

    def _tell_output(self, node_id: str, output: dict[str, Any]) -> None:
        self.outputs[node_id] = output
        if self.behaviour.name in OF_FILES:
            for image in output["images"]:
                key = (image["type"], image["subfolder"], image["filename"])
                self.state.orders.files[key] = self.behaviour
        told = {"node": node_id, "display_node": node_id, "output": output, "prompt_id": self.item.prompt_id}
        self.tell("executed", told)

    def _check(self, node_id: str) -> None:
        if self.item.interrupted.is_set() and self.behaviour.name != "success-after-interrupt":
            raise Interrupted(self._where(node_id))

    async def _misbehave(self, node_id: str) -> None:
        """Waits as the script wants, and at once listens to interrupts, as a sampler with many steps would."""
        name = self.behaviour.name
        if name == "slow":
            await self._wait(self.behaviour.seconds)
        elif name in {"hold", "success-after-interrupt"}:
            await self._wait(HOLD_LIMIT_SECONDS, self.behaviour.released)
        elif name == "oom":
            raise NodeError(OUT_OF_MEMORY)
        self._check(node_id)

    async def _wait(self, seconds: float, *events: asyncio.Event) -> None:
        tasks = [asyncio.ensure_future(event.wait()) for event in (self.item.interrupted, *events)]
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _raise_scripted(self, class_type: str) -> None:
        if self.behaviour.name == "error" and self.behaviour.argument == class_type:
            raise NodeError("told to by the script\n")

    def _block(self, node_id: str, blocked: Blocked) -> tuple[Any, ...]:
        """The first node behind a blocker with a message tells of it, without a time, and the job goes on."""
        if blocked.message is not None:
            told = {**self._where(node_id), "exception_message": f"Execution Blocked: {blocked.message}"}
            more = {"exception_type": "ExecutionBlocked", "traceback": [], "current_inputs": [], "current_outputs": []}
            self.tell("execution_error", {**told, **more})
        return (Blocked(None),) * 3

    def _where(self, node_id: str) -> dict[str, Any]:
        return {
            "prompt_id": self.item.prompt_id,
            "node_id": node_id,
            "node_type": self.graph[node_id]["class_type"],
            "executed": list(self.executed),
        }

    def _failure(self, node_id: str, error: Exception) -> dict[str, Any]:
        is_memory = str(error) == OUT_OF_MEMORY
        plain = "RuntimeError" if isinstance(error, NodeError) else type(error).__name__
        return {
            **self._where(node_id),
            "exception_message": f"{str(error).rstrip()}\n",
            "exception_type": "torch.OutOfMemoryError" if is_memory else plain,
            "traceback": ['  File "/srv/comfyui/execution.py", line 1, in execute\n'],
            "current_inputs": {name: [str(value)[:9000]] for name, value in self._inputs(node_id).items()},
            "current_outputs": list(self.graph),
        }
