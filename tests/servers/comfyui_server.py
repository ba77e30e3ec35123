"""
A server that behaves as ComfyUI v0.26 was seen to behave, its races and faults included, and misbehaves when told to.

It runs graphs as a toy: pictures follow from their inputs, and no model is needed.
Run it from the root: `python -m tests.servers.comfyui_server --port 0` prints `{"port": …}` once it can be called.
"""

import argparse
import asyncio
import json
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from tests.servers import comfyui_files as files
from tests.servers import comfyui_jobs as jobs
from tests.servers import comfyui_prompts as prompts
from tests.servers.comfyui_control import CONTROL_ROUTES
from tests.servers.comfyui_nodes import CHECKPOINTS, LORAS, NODE_CLASSES, object_info
from tests.servers.comfyui_state import STEP_SECONDS, ComfyState, Options
from tests.servers.comfyui_transport import Gate, not_found, with_transport
from tests.servers.comfyui_worker import start_worker

MESSAGE_BYTES = 4 * 1024 * 1024
KEEP_ALIVE_SECONDS = 75
VERSIONS = ("0.26.0", "0.8.0", "0.3.64")


def create_app(options: Options) -> ASGIApp:
    state = ComfyState(options)
    app = Starlette(
        routes=[*_routes(""), *_routes("/api"), *_job_routes(options), *CONTROL_ROUTES],
        exception_handlers={404: not_found, 405: not_found},
        middleware=[Middleware(Gate, state=state)],
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.comfy = state
    return with_transport(app)


def _routes(prefix: str) -> list[BaseRoute]:
    return [
        WebSocketRoute(f"{prefix}/ws", _socket),
        Route(f"{prefix}/prompt", prompts.post_prompt, methods=["POST"]),
        Route(f"{prefix}/prompt", prompts.get_prompt),
        Route(f"{prefix}/queue", prompts.post_queue, methods=["POST"]),
        Route(f"{prefix}/queue", prompts.get_queue),
        Route(f"{prefix}/interrupt", prompts.post_interrupt, methods=["POST"]),
        Route(f"{prefix}/history", prompts.post_history, methods=["POST"]),
        Route(f"{prefix}/history", prompts.get_history),
        Route(f"{prefix}/history/{{prompt_id}}", prompts.get_history),
        Route(f"{prefix}/free", prompts.post_free, methods=["POST"]),
        Route(f"{prefix}/upload/image", files.post_upload, methods=["POST"]),
        Route(f"{prefix}/view", files.get_view),
        Route(f"{prefix}/object_info", _object_info),
        Route(f"{prefix}/object_info/{{name}}", _object_info),
        Route(f"{prefix}/models", _models),
        Route(f"{prefix}/models/{{folder}}", _models),
        Route(f"{prefix}/system_stats", _system_stats),
        Route(f"{prefix}/features", _features),
    ]


def _job_routes(options: Options) -> list[BaseRoute]:
    reads = [Route("/api/jobs", jobs.list_jobs), Route("/api/jobs/{job_id}", jobs.get_job)]
    cancels = [
        Route("/api/jobs/cancel", jobs.cancel_jobs, methods=["POST"]),
        Route("/api/jobs/{job_id}/cancel", jobs.cancel_job, methods=["POST"]),
    ]
    return [*(cancels if options.is_at_least(0, 26) else []), *(reads if options.is_at_least(0, 8) else [])]


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    # uvicorn would say goodbye to every socket; the real one just goes.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    state: ComfyState = app.state.comfy
    state.folders.create()
    start_worker(state)
    publisher = asyncio.create_task(state.hub.publish())
    yield
    publisher.cancel()
    if state.worker:
        state.worker.cancel()


async def _socket(socket: WebSocket) -> None:
    state: ComfyState = socket.app.state.comfy
    await state.hub.serve(socket, state.status)


async def _object_info(request: Request) -> Response:
    lists, name = request.app.state.comfy.lists, request.path_params.get("name")
    names = [name] if name else list(NODE_CLASSES)
    return JSONResponse({name: object_info(name, lists) for name in names if name in NODE_CLASSES})


async def _models(request: Request) -> Response:
    lists = {key: value for key, value in request.app.state.comfy.lists.items() if key != "input"}
    folder = request.path_params.get("folder")
    if folder is None:
        return JSONResponse(list(lists))
    return JSONResponse(lists[folder]) if folder in lists else Response(status_code=404)


async def _features(request: Request) -> Response:
    return JSONResponse(request.app.state.comfy.options.features)


async def _system_stats(request: Request) -> Response:
    system = {
        "os": "linux",
        "ram_total": 2**34,
        "ram_free": 2**33,
        "comfyui_version": request.app.state.comfy.options.version,
        "python_version": sys.version,
        "pytorch_version": "2.13.0+cpu",
        "embedded_python": False,
        "argv": ["main.py"],
    }
    memory = dict.fromkeys(("vram_total", "vram_free", "torch_vram_total", "torch_vram_free"), 2**33)
    return JSONResponse({"system": system, "devices": [{"name": "cpu", "type": "cpu", "index": None, **memory}]})


def main() -> None:
    arguments = _parser().parse_args()
    options = Options(
        Path(arguments.directory or tempfile.mkdtemp(prefix="comfyui-")),
        arguments.version,
        arguments.max_upload_size,
        arguments.enable_cors_header == "*",
        tuple(arguments.checkpoint or CHECKPOINTS),
        tuple(arguments.lora or LORAS),
        arguments.step_seconds,
    )
    listener = socket.create_server(("127.0.0.1", arguments.port))
    config = uvicorn.Config(
        create_app(options),
        log_level="critical",
        ws_max_size=MESSAGE_BYTES,
        ws_ping_interval=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    # Calls made from now on wait in the listener until the loop runs.
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--directory", help="holds input/, output/ and temp/")
    parser.add_argument("--version", choices=VERSIONS, default=VERSIONS[0])
    parser.add_argument("--max-upload-size", type=float, default=100, help="MiB")
    parser.add_argument("--enable-cors-header", choices=["*"])
    parser.add_argument("--checkpoint", action="append")
    parser.add_argument("--lora", action="append")
    parser.add_argument("--step-seconds", type=float, default=STEP_SECONDS)
    return parser


if __name__ == "__main__":
    main()
