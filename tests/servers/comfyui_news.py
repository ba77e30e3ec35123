"""What the server says of one prompt while it runs: messages, previews, and what of it history keeps."""

from typing import Any

from tests.servers.comfyui_behaviours import OF_FILES
from tests.servers.comfyui_queue import Item, now_ms
from tests.servers.comfyui_sockets import Frame, Message
from tests.servers.comfyui_state import ComfyState


class News:
    """`messages` and `outputs` are history's, `progress` is that of all nodes that have started."""

    def __init__(self, state: ComfyState, item: Item) -> None:
        self.state = state
        self.item = item
        self.messages: list[Any] = []
        self.outputs: dict[str, Any] = {}
        self.progress: dict[str, Any] = {}

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        self.state.hub.tell(Message(kind, data), self.item.client_id)

    def tell_lasting(self, kind: str, data: dict[str, Any]) -> None:
        """What history keeps too."""
        told = {"prompt_id": self.item.prompt_id, **data, "timestamp": now_ms()}
        self.messages.append([kind, told])
        self.tell(kind, told)

    def begin(self, node_id: str) -> None:
        self.report(node_id, 0.0, 1.0)
        self.state.hub.current = (self.item.client_id, node_id)
        self.tell("executing", {"node": node_id, "display_node": node_id, "prompt_id": self.item.prompt_id})

    def end(self, node_id: str) -> None:
        last = self.progress[node_id]["max"] if node_id in self.progress else 1
        self.report(node_id, last, last, "finished")

    def report(self, node_id: str, value: float, last: float, state: str = "running") -> None:
        self.progress[node_id] = {
            "value": value,
            "max": last,
            "state": state,
            "node_id": node_id,
            "prompt_id": self.item.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        self.tell("progress_state", {"prompt_id": self.item.prompt_id, "nodes": dict(self.progress)})

    def step(self, node_id: str, value: int, last: int, picture: bytes | None, picture_format: int) -> None:
        """Sockets that asked for metadata get the picture before `progress`, the others after it."""
        self.report(node_id, value, last)
        self._tell_frame(node_id, picture, picture_format, has_metadata=True)
        self.tell("progress", {"value": value, "max": last, "prompt_id": self.item.prompt_id, "node": node_id})
        self._tell_frame(node_id, picture, picture_format, has_metadata=False)

    def put_out(self, node_id: str, output: dict[str, Any]) -> None:
        self.outputs[node_id] = output
        if self.item.behaviour.name in OF_FILES:
            for image in output["images"]:
                key = (image["type"], image["subfolder"], image["filename"])
                self.state.orders.files[key] = self.item.behaviour
        told = {"node": node_id, "display_node": node_id, "output": output, "prompt_id": self.item.prompt_id}
        self.tell("executed", told)

    def entry(self, *, is_success: bool) -> dict[str, Any]:
        """As history shows the prompt."""
        return {
            "prompt": self.item.recorded(),
            "outputs": self.outputs,
            "status": {
                "status_str": "success" if is_success else "error",
                "completed": is_success,
                "messages": self.messages,
            },
            "meta": {
                node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
                for node_id in self.outputs
            },
        }

    def _tell_frame(self, node_id: str, picture: bytes | None, picture_format: int, *, has_metadata: bool) -> None:
        if picture is not None:
            frame = Frame(self.item.prompt_id, node_id, picture, picture_format, has_metadata)
            self.state.hub.tell(frame, self.item.client_id)
