"""
A server that speaks the parts of OpenAI's API Easel uses, as strictly as the real one, and misbehaves when told to.

Run it from the root: `python -m tests.servers.openai_server --port 0` prints `{"port": …}` once it can be called.
"""

import argparse
import asyncio
import json
import socket
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.servers.openai_answers import BEHAVIOURS, Call, refusal_of

HOLD_LIMIT_SECONDS = 60.0


@dataclass(slots=True)
class Control:
    """What the tests see and decide."""

    script: deque[str] = field(default_factory=deque)
    calls: list[dict[str, Any]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add(self, call: Call) -> str:
        """The behaviour this call gets."""
        async with self.arrived:
            self.calls.append(call.record())
            self.arrived.notify_all()
        return self.script.popleft() if self.script else "ok"

    def release(self) -> None:
        self.released.set()
        self.released = asyncio.Event()

    async def hold(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.released.wait(), min(seconds, HOLD_LIMIT_SECONDS))
        except TimeoutError:
            return


def create_app() -> ASGIApp:
    app = Starlette(
        routes=[
            Route("/v1/images/generations", _answer, methods=["POST"]),
            Route("/v1/images/edits", _answer, methods=["POST"]),
            Route("/v1/chat/completions", _answer, methods=["POST"]),
            Route("/control/script", _script, methods=["POST"]),
            Route("/control/requests", _requests, methods=["GET"]),
            Route("/control/release", _release, methods=["POST"]),
            Route("/control/reset", _reset, methods=["POST"]),
        ]
    )
    app.state.control = Control()
    return _with_transport(app)


async def _answer(request: Request) -> Response:
    call = await _read(request)
    name, _, argument = (await _control(request).add(call)).partition(":")
    if name in {"timeout", "slow"}:
        await _control(request).hold(float(argument or HOLD_LIMIT_SECONDS))
        name = "ok"
    if refusal := refusal_of(call):
        return refusal
    answer = BEHAVIOURS[name](call)
    return answer if isinstance(answer, Response) else await answer


async def _read(request: Request) -> Call:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return Call(request, await request.json(), [])
    form = await request.form()
    files = [
        {"field": name, "name": value.filename, "mime_type": value.content_type, "bytes": len(await value.read())}
        for name, value in form.multi_items()
        if isinstance(value, UploadFile)
    ]
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    return Call(request, fields, files)


async def _script(request: Request) -> Response:
    behaviours = (await request.json())["behaviours"]
    if unknown := [name for name in behaviours if name.partition(":")[0] not in {*BEHAVIOURS, "timeout", "slow"}]:
        return Response(f"unknown: {unknown}", 400)
    _control(request).script.extend(behaviours)
    return Response(status_code=204)


async def _requests(request: Request) -> Response:
    """What has arrived; with `at_least`, as soon as there are so many."""
    control, wanted = _control(request), int(request.query_params.get("at_least", "0"))
    async with asyncio.timeout(HOLD_LIMIT_SECONDS), control.arrived:
        await control.arrived.wait_for(lambda: len(control.calls) >= wanted)
    return JSONResponse({"requests": control.calls})


async def _release(request: Request) -> Response:
    _control(request).release()
    return Response(status_code=204)


async def _reset(request: Request) -> Response:
    control = _control(request)
    control.release()
    control.script.clear()
    control.calls.clear()
    return Response(status_code=204)


def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


def _with_transport(app: ASGIApp) -> ASGIApp:
    """ASGI hides the connection; uvicorn's `send` belongs to the object that holds it."""

    async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["transport"] = send.__self__.transport  # type: ignore[attr-defined]
        await app(scope, receive, send)

    return with_transport


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    listener = socket.create_server(("127.0.0.1", parser.parse_args().port))
    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="error", timeout_graceful_shutdown=1))
    # Calls made from now on wait in the listener until the loop runs.
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
