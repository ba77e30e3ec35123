"""How tests talk to a ComfyUI: graphs, calls, and a socket whose messages are told in short words."""

import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx2
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect

from tests.servers.comfyui_process import ComfyUIProcess

LIMIT_SECONDS = 20
Graph = dict[str, Any]


def image(**changes: Any) -> Graph:
    """EmptyImage → SaveImage; `changes` are inputs of the first."""
    inputs = {"width": 16, "height": 16, "batch_size": 1, "color": 3, **changes}
    return {"1": {"class_type": "EmptyImage", "inputs": inputs}, "2": save(["1", 0])}


def save(source: Any, prefix: str = "lab") -> Graph:
    return {"class_type": "SaveImage", "inputs": {"images": source, "filename_prefix": prefix}}


def through(class_type: str, **inputs: Any) -> Graph:
    """EmptyImage → this node → SaveImage."""
    node = {"class_type": class_type, "inputs": {"image": ["1", 0], **inputs}}
    return {**image(), "2": save(["3", 0]), "3": node}


def slow(steps: int = 3, delay: float = 0.01, *, preview: bool = False, check_interrupt: bool = True) -> Graph:
    return through("LabSlow", steps=steps, delay=delay, preview=preview, check_interrupt=check_interrupt)


def sampled(picture: str = "", **changes: Any) -> Graph:
    """The usual graph of a shot: checkpoint, LoRA, prompts, sampler; `changes` are the sampler's and the LoRA's."""
    sampler = {"seed": 7, "steps": 3, "cfg": 7.5, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    lora = {"lora_name": "ombres_chinoises.safetensors", "strength_model": 0.9, "strength_clip": 0.9}
    text = changes.pop("text", "a lighthouse")
    inputs = {
        **{key: changes.get(key, value) for key, value in sampler.items()},
        "model": ["lora", 0],
        "positive": ["yes", 0],
        "negative": ["no", 0],
        "latent_image": ["latent", 0],
    }
    size = {"width": 64, "height": 48, "batch_size": 1}
    empty = {"latent": {"class_type": "EmptyLatentImage", "inputs": size}}
    loaded = {
        "load": {"class_type": "LoadImage", "inputs": {"image": picture}},
        "latent": {"class_type": "VAEEncode", "inputs": {"pixels": ["load", 0], "vae": ["model", 2]}},
    }
    strengths = {key: changes.get(key, value) for key, value in lora.items()}
    return {
        "model": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "madsea.safetensors"}},
        "lora": {"class_type": "LoraLoader", "inputs": {"model": ["model", 0], "clip": ["model", 1], **strengths}},
        "yes": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["lora", 1]}},
        "no": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["lora", 1]}},
        **(loaded if picture else empty),
        "sampler": {"class_type": "KSampler", "inputs": inputs},
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sampler", 0], "vae": ["model", 2]}},
        "save": save(["decode", 0], changes.get("prefix", "shot")),
    }


@dataclass(slots=True)
class Socket:
    connection: ClientConnection
    messages: list[dict[str, Any]] = field(default_factory=list)

    async def next(self) -> str:
        """The next message in short words."""
        received = await self.connection.recv()
        if isinstance(received, bytes):
            return _frame(received)
        self.messages.append(json.loads(received))
        return _told(**self.messages[-1])

    async def until(self, last: str) -> list[str]:
        """All up to this one, without it."""
        told: list[str] = []
        while (word := await self.next()) != last:
            told.append(word)
        return told


@dataclass(slots=True)
class Talk:
    server: ComfyUIProcess
    http: httpx2.AsyncClient

    async def post(self, graph: Any, **more: Any) -> httpx2.Response:
        return await self.http.post("/prompt", json={"prompt": graph, **more})

    async def begin(self, graph: Graph, **more: Any) -> str:
        """Queues it; its id."""
        answer = await self.post(graph, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["prompt_id"])

    async def run(self, graph: Graph, **more: Any) -> dict[str, Any]:
        """Its entry in history once it has ended."""
        client_id = more.pop("client_id", uuid4().hex)
        async with self.listen(client_id) as socket:
            prompt_id = await self.begin(graph, client_id=client_id, **more)
            await socket.until("executing null")
        return await self.entry(prompt_id)

    async def entry(self, prompt_id: str) -> dict[str, Any]:
        entry: dict[str, Any] = (await self.get(f"/history/{prompt_id}"))[prompt_id]
        return entry

    async def get(self, path: str) -> Any:
        return (await self.http.get(path)).json()

    async def view(self, file: dict[str, str]) -> httpx2.Response:
        return await self.http.get("/view", params=file)

    async def picture(self, graph: Graph, **more: Any) -> Image.Image:
        """What the graph's SaveImage wrote."""
        outputs = (await self.run(graph, **more))["outputs"]
        return Image.open(BytesIO((await self.view(outputs["save"]["images"][0])).content))

    async def upload(self, name: str, content: bytes, **fields: str) -> httpx2.Response:
        return await self.http.post("/upload/image", files={"image": (name, content, "image/png")}, data=fields)

    @asynccontextmanager
    async def listen(self, client_id: str, **headers: str) -> AsyncIterator[Socket]:
        """A socket that has heard its first status."""
        address = f"{self.server.url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        async with connect(address, additional_headers=headers, open_timeout=LIMIT_SECONDS) as connection:
            socket = Socket(connection)
            await socket.next()
            yield socket


@asynccontextmanager
async def talking(server: ComfyUIProcess) -> AsyncIterator[Talk]:
    async with httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=LIMIT_SECONDS) as http:
        yield Talk(server, http)


def png(color: int = 0) -> bytes:
    written = BytesIO()
    Image.new("RGB", (32, 24), (color, 0, 0)).save(written, "PNG")
    return written.getvalue()


def _told(type: str, data: dict[str, Any]) -> str:
    words: dict[str, Callable[[], Any]] = {
        "status": lambda: data["status"]["exec_info"]["queue_remaining"],
        "executing": lambda: data["node"] or "null",
        "execution_cached": lambda: " ".join(data["nodes"]) or "-",
        "executed": lambda: data["output"]["images"][0]["filename"],
        "progress": lambda: f"{data['node']} {data['value']}/{data['max']}",
        "progress_state": lambda: " ".join(f"{n['node_id']}:{n['state']}" for n in data["nodes"].values()),
        "execution_error": lambda: data["exception_type"],
        "execution_interrupted": lambda: data["node_id"],
    }
    return f"{type} {words[type]()}" if type in words else type


def _frame(received: bytes) -> str:
    kind, number = struct.unpack(">II", received[:8])
    if kind == 4:
        told = json.loads(received[8 : 8 + number])
        return f"frame 4 {told['node_id']} {told['image_type']}"
    return f"frame {kind} {number}"
