"""POST /prompt, and what waits, runs and was: queue, interrupt, history."""

import json
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.servers.comfyui_behaviours import Behaviour
from tests.servers.comfyui_queue import SECRETS, Item, TieError, now_ms
from tests.servers.comfyui_state import ComfyState
from tests.servers.comfyui_validation import Checked, check, problem


class ScriptError(Exception):
    """The script asks for what this graph has not."""


class LostAnswerError(Exception):
    """The connection is to be reset instead of answered."""


async def post_prompt(request: Request) -> Response:
    state: ComfyState = request.app.state.comfy
    body = await _json(request)
    number = _number(state, body)
    behaviour = state.orders.next_behaviour()
    if "prompt" not in body:
        return _refusal(Checked(error=problem("no_prompt", "No prompt provided", "No prompt provided")))
    prompt_id = _prompt_id(state, body)
    if prompt_id is None:
        return _refusal(Checked(error=_bad_id()))
    checked = _scripted(
        behaviour, check(body["prompt"], body.get("partial_execution_targets"), state.surroundings), body
    )
    if checked.error:
        return _refusal(checked)
    item = Item(number, prompt_id, body["prompt"], _extra_data(state, body), checked.outputs, behaviour)
    return await _accept(state, item, checked)


async def get_prompt(request: Request) -> Response:
    return JSONResponse(request.app.state.comfy.status.data["status"])


async def get_queue(request: Request) -> Response:
    return JSONResponse(request.app.state.comfy.queue.shown())


async def post_queue(request: Request) -> Response:
    """Only what waits can be taken out; nobody is told but by `status`."""
    state: ComfyState = request.app.state.comfy
    body = await _json(request)
    if body.get("clear"):
        state.queue.clear()
        state.tell_status()
    for prompt_id in body.get("delete", []):
        if state.queue.delete(prompt_id):
            state.tell_status()
    return Response()


async def post_interrupt(request: Request) -> Response:
    """A body it cannot read means: whatever runs."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = {}
    request.app.state.comfy.queue.interrupt(body.get("prompt_id"))
    return Response()


async def get_history(request: Request) -> Response:
    history = request.app.state.comfy.queue.history
    if prompt_id := request.path_params.get("prompt_id"):
        return JSONResponse({prompt_id: history[prompt_id]} if prompt_id in history else {})
    return JSONResponse(dict(_page(list(history.items()), request)))


async def post_history(request: Request) -> Response:
    state: ComfyState = request.app.state.comfy
    body = await _json(request)
    if body.get("clear"):
        state.queue.history.clear()
    for prompt_id in body.get("delete", []):
        state.queue.history.pop(prompt_id, None)
    return Response()


async def post_free(request: Request) -> Response:
    body = await _json(request)
    if body.get("free_memory"):
        request.app.state.comfy.cache.clear()
    return Response()


async def _json(request: Request) -> Any:
    return json.loads(await request.body())


async def _accept(state: ComfyState, item: Item, checked: Checked) -> Response:
    record = {"prompt_id": item.prompt_id, "graph": item.graph, "client_id": item.client_id, "number": item.number}
    # A copy as it came: running adds to the graph.
    await state.note("prompts", json.loads(json.dumps({**record, "extra_data": item.extra_data})))
    try:
        state.enqueue(item)
    finally:
        if item.behaviour.name == "lost-answer":
            raise LostAnswerError
    if item.behaviour.name == "500-but-queued":
        raise TieError
    return JSONResponse({"prompt_id": item.prompt_id, "number": item.number, "node_errors": checked.node_errors})


def _number(state: ComfyState, body: Any) -> float:
    """The caller's own, or the next; one is used up even where the prompt is refused."""
    if "number" in body:
        return float(body["number"])
    return state.queue.number(front=isinstance(body, dict) and bool(body.get("front")))


def _refusal(checked: Checked) -> Response:
    return JSONResponse({"error": checked.error, "node_errors": checked.node_errors}, 400)


def _prompt_id(state: ComfyState, body: dict[str, Any]) -> str | None:
    """None for one it does not take."""
    if not state.options.is_at_least(0, 26):
        return str(body.get("prompt_id", uuid4()))
    wanted = body.get("prompt_id")
    if wanted is None:
        return str(uuid4())
    try:
        return wanted if isinstance(wanted, str) and str(UUID(wanted)) == wanted else None
    except ValueError:
        return None


def _bad_id() -> dict[str, Any]:
    told = (
        "prompt_id must be a UUID string in canonical lowercase hyphenated form; omit it to let the server generate one"
    )
    return problem("invalid_prompt_id", "prompt_id must be a valid UUID", told)


def _extra_data(state: ComfyState, body: dict[str, Any]) -> dict[str, Any]:
    extra_data = dict(**body.get("extra_data", {}))
    if "client_id" in body:
        extra_data["client_id"] = body["client_id"]
    if state.options.is_at_least(0, 8):
        extra_data = {key: value for key, value in extra_data.items() if key not in SECRETS}
        extra_data["create_time"] = now_ms()
    return extra_data


def _scripted(behaviour: Behaviour, checked: Checked, body: dict[str, Any]) -> Checked:
    """What the script makes of a graph that is well."""
    graph, classes = body["prompt"], {node.get("class_type") for node in body["prompt"].values()}
    if behaviour.name == "error" and behaviour.argument not in classes:
        raise ScriptError(f"the script wants an error in {behaviour.argument}, but the graph has {sorted(classes)}")
    if behaviour.name == "invalid" and behaviour.argument not in graph:
        raise ScriptError(
            f"the script wants node {behaviour.argument} to be invalid, but the graph has {sorted(graph)}"
        )
    if checked.error is not None or behaviour.name not in {"invalid", "dropped-output"}:
        return checked
    node_id = behaviour.argument or checked.outputs[-1]
    wrong = problem("custom_validation_failed", "Custom validation failed for node", "told to by the script")
    told = {"errors": [wrong], "dependent_outputs": checked.outputs, "class_type": graph[node_id]["class_type"]}
    if behaviour.name == "dropped-output":
        return Checked(checked.outputs[:-1], {node_id: {**told, "dependent_outputs": [node_id]}})
    error = problem("prompt_outputs_failed_validation", "Prompt outputs failed validation")
    return Checked([], {node_id: told}, error)


def _page(entries: list[Any], request: Request) -> list[Any]:
    """The last so many, or so many from an offset that counts from the oldest."""
    wanted = request.query_params
    size = int(wanted["max_items"]) if "max_items" in wanted else len(entries)
    offset = int(wanted.get("offset", -1))
    start = max(len(entries) - size, 0) if offset < 0 else offset
    return entries[start : start + size]
