"""What shots are measured against: the smallest client of ComfyUI that makes such pictures, one after the other."""

import json
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from websockets.sync.client import ClientConnection, connect

PICTURE, OUTPUT = "1", "2"
SIDE = 512
LIMIT_SECONDS = 60
GRAPH: dict[str, Any] = {
    PICTURE: {"class_type": "EmptyImage", "inputs": {"width": SIDE, "height": SIDE, "batch_size": 1, "color": 7,
                                                     "note": ""}},
    OUTPUT: {"class_type": "SaveImage", "inputs": {"images": [PICTURE, 0], "filename_prefix": "easel"}},
}  # fmt: skip
"""An input that a node does not know, as `note`, changes nothing but what ComfyUI's cache goes by."""


@dataclass(frozen=True, slots=True)
class Made:
    seconds: float
    cpu_seconds: float


def made_by_hand(port: int, pictures: int) -> Made:
    """What so many pictures took: each is asked for, waited for on the socket and fetched before the next."""
    client_id = str(uuid4())
    http = HTTPConnection("127.0.0.1", port, timeout=LIMIT_SECONDS)
    with connect(f"ws://127.0.0.1:{port}/ws?clientId={client_id}") as socket:
        began, cpu = time.perf_counter(), time.thread_time()
        for number in range(pictures):
            _make(http, socket, client_id, number)
        made = Made(time.perf_counter() - began, time.thread_time() - cpu)
    http.close()
    return made


def _make(http: HTTPConnection, socket: ClientConnection, client_id: str, number: int) -> None:
    prompt_id, graph = str(uuid4()), json.loads(json.dumps(GRAPH))
    graph[PICTURE]["inputs"]["note"] = f"plan {number}"
    graph[OUTPUT]["inputs"]["filename_prefix"] = f"by-hand/{prompt_id}"
    body = {"prompt": graph, "prompt_id": prompt_id, "client_id": client_id}
    _answer(http, "POST", "/prompt", json.dumps(body).encode())
    picture = _answer(http, "GET", f"/view?{urlencode(_file(socket, prompt_id))}")
    if not picture.startswith(b"\x89PNG"):
        raise RuntimeError("this is no picture")


def _file(socket: ClientConnection, prompt_id: str) -> dict[str, str]:
    """Where the picture is, once the server says that it is whole."""
    file: dict[str, str] = {}
    while True:
        told = json.loads(socket.recv(LIMIT_SECONDS))
        if told["type"] == "executed":
            file = told["data"]["output"]["images"][0]
        if told["type"] == "execution_success" and told["data"]["prompt_id"] == prompt_id:
            return file


def _answer(http: HTTPConnection, method: str, path: str, body: bytes | None = None) -> bytes:
    http.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    with http.getresponse() as answer:
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return answer.read()
