"""What the tests may order and ask: routes under /control/, no part of ComfyUI."""

import asyncio
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.comfyui_behaviours import Behaviour, is_known
from tests.servers.comfyui_queue import Item
from tests.servers.comfyui_state import HOLD_LIMIT_SECONDS, ComfyState
from tests.servers.comfyui_worker import start_worker

LISTS = {"prompts", "executed", "interrupted"}


async def _script(request: Request) -> Response:
    behaviours = (await request.json())["behaviours"]
    if unknown := [text for text in behaviours if not is_known(text)]:
        return Response(f"unknown: {unknown}", 400)
    _state(request).orders.script.extend(behaviours)
    return Response(status_code=204)


async def _list(request: Request) -> Response:
    """One of the lists; with `at_least`, as soon as it is so long."""
    state, name = _state(request), request.url.path.rpartition("/")[2]
    wanted = int(request.query_params.get("at_least", "0"))
    async with asyncio.timeout(HOLD_LIMIT_SECONDS), state.changed:
        await state.changed.wait_for(lambda: len(getattr(state.orders, name)) >= wanted)
        return JSONResponse({name: getattr(state.orders, name)})


async def _sockets(request: Request) -> Response:
    """How many are open; with `until`, as soon as there are just so many."""
    hub, wanted = _state(request).hub, request.query_params.get("until")
    async with asyncio.timeout(HOLD_LIMIT_SECONDS), hub.changed:
        await hub.changed.wait_for(lambda: wanted is None or len(hub.opened) == int(wanted))
        return JSONResponse({"sockets": len(hub.opened)})


async def _cut(request: Request) -> Response:
    _state(request).hub.cut()
    return Response(status_code=204)


async def _silence(request: Request) -> Response:
    _state(request).hub.is_silent = True
    return Response(status_code=204)


async def _refuse(request: Request) -> Response:
    _state(request).orders.refusals = (await request.json())["calls"]
    return Response(status_code=204)


async def _pace(request: Request) -> Response:
    _state(request).step_seconds = (await request.json())["step_seconds"]
    return Response(status_code=204)


async def _busy(request: Request) -> Response:
    """Prompts of somebody without client_id, of which the first is held until released, the others behind it."""
    state = _state(request)
    prompt_ids = [str(uuid4()) for _ in range((await request.json())["prompts"])]
    for seed, prompt_id in enumerate(prompt_ids):
        image = {"width": 16, "height": 16, "batch_size": 1, "color": seed}
        slow = {"image": ["1", 0], "steps": 2, "delay": 0.0, "preview": True, "check_interrupt": True}
        graph = {
            "1": {"class_type": "EmptyImage", "inputs": image},
            "2": {"class_type": "LabSlow", "inputs": slow},
            "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
        }
        held = Behaviour("hold", released=state.orders.released)
        state.enqueue(Item(state.queue.number(front=False), prompt_id, graph, {}, ["3"], held))
    return JSONResponse({"prompt_ids": prompt_ids})


async def _release(request: Request) -> Response:
    _state(request).orders.release()
    return Response(status_code=204)


async def _reset(request: Request) -> Response:
    state = _state(request)
    assert state.worker is not None
    state.worker.cancel()
    await asyncio.wait([state.worker])
    state.reset()
    start_worker(state)
    return Response(status_code=204)


def _state(request: Request) -> ComfyState:
    state: ComfyState = request.app.state.comfy
    return state


CONTROL_ROUTES = [
    Route("/control/script", _script, methods=["POST"]),
    Route("/control/sockets", _sockets, methods=["GET"]),
    Route("/control/cut", _cut, methods=["POST"]),
    Route("/control/silence", _silence, methods=["POST"]),
    Route("/control/refuse", _refuse, methods=["POST"]),
    Route("/control/pace", _pace, methods=["POST"]),
    Route("/control/busy", _busy, methods=["POST"]),
    Route("/control/release", _release, methods=["POST"]),
    Route("/control/reset", _reset, methods=["POST"]),
    *(Route(f"/control/{name}", _list, methods=["GET"], name=name) for name in sorted(LISTS)),
]
