"""The newer view of the same queue: /api/jobs, which older versions lack."""

import json
from typing import Any
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.servers.comfyui_queue import Item
from tests.servers.comfyui_state import ComfyState

STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")
FINISHED_ONLY = ("outputs", "execution_status", "workflow")
Job = dict[str, Any]


async def list_jobs(request: Request) -> Response:
    state: ComfyState = request.app.state.comfy
    try:
        wanted = _wanted(request.query_params)
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 400)
    found = [job for job in _jobs(state) if job["status"] in wanted["statuses"] and wanted["is_of"](job)]
    found.sort(key=wanted["key"], reverse=wanted["is_descending"])
    offset, limit = wanted["offset"], wanted["limit"]
    page = found[offset : None if limit is None else offset + limit]
    pages = {"offset": offset, "limit": limit, "total": len(found), "has_more": offset + len(page) < len(found)}
    told = [{key: value for key, value in job.items() if key not in FINISHED_ONLY} for job in page]
    return JSONResponse({"jobs": told, "pagination": pages})


async def get_job(request: Request) -> Response:
    job = next((j for j in _jobs(request.app.state.comfy) if j["id"] == request.path_params["job_id"]), None)
    return JSONResponse(job) if job else JSONResponse({"error": "Job not found"}, 404)


async def cancel_job(request: Request) -> Response:
    return JSONResponse({"cancelled": _cancel(request.app.state.comfy, request.path_params["job_id"])})


async def cancel_jobs(request: Request) -> Response:
    """All or, with one bad id among them, none."""
    try:
        job_ids = json.loads(await request.body()).get("job_ids")
    except ValueError:
        job_ids = None
    if not isinstance(job_ids, list):
        return JSONResponse({"error": "job_ids must be a list"}, 400)
    if invalid := [job_id for job_id in job_ids if not _is_uuid(job_id)]:
        return JSONResponse({"error": "job_ids contains invalid id(s)", "invalid_ids": invalid}, 400)
    cancelled = [_cancel(request.app.state.comfy, job_id) for job_id in job_ids]
    return JSONResponse({"cancelled": any(cancelled)})


def _cancel(state: ComfyState, job_id: str) -> bool:
    """Signals the running one or takes out the waiting one."""
    if state.queue.delete(job_id):
        state.tell_status()
        return True
    return state.queue.interrupt(job_id)


def _jobs(state: ComfyState) -> list[Job]:
    waiting = [_waiting(item, "pending") for item in state.queue.pending]
    running = [_waiting(state.queue.running, "in_progress")] if state.queue.running else []
    knows_cancelled = state.options.is_at_least(0, 26)
    ended = [_ended(entry, knows_cancelled=knows_cancelled) for entry in state.queue.history.values()]
    return [*waiting, *running, *reversed(ended)]


def _waiting(item: Item, status: str) -> Job:
    return {
        "id": item.prompt_id,
        "status": status,
        "priority": item.number,
        "create_time": item.extra_data.get("create_time"),
        "outputs_count": 0,
    }


def _ended(entry: dict[str, Any], *, knows_cancelled: bool) -> Job:
    number, prompt_id, graph, extra_data, _ = entry["prompt"]
    messages = entry["status"]["messages"]
    last, told = messages[-1]
    files = [(n, k, f) for n, output in entry["outputs"].items() for k, found in output.items() for f in found]
    job = {
        "id": prompt_id,
        "status": _status(last, knows_cancelled=knows_cancelled),
        "priority": number,
        "create_time": extra_data.get("create_time"),
        "execution_start_time": messages[0][1]["timestamp"],
        "execution_end_time": told["timestamp"],
        "outputs_count": len(files),
        "preview_output": _preview(*files[0]) if files else None,
        "workflow_id": _workflow_id(extra_data),
        "execution_error": told if last == "execution_error" else None,
        "outputs": entry["outputs"],
        "execution_status": entry["status"],
        "workflow": {"prompt": graph, "extra_data": extra_data},
    }
    return {key: value for key, value in job.items() if value is not None}


def _status(last: str, *, knows_cancelled: bool) -> str:
    if last == "execution_success":
        return "completed"
    return "cancelled" if last == "execution_interrupted" and knows_cancelled else "failed"


def _preview(node_id: str, media_type: str, file: dict[str, str]) -> dict[str, str]:
    return {**file, "nodeId": node_id, "mediaType": media_type}


def _workflow_id(extra_data: dict[str, Any]) -> Any:
    return ((extra_data.get("extra_pnginfo") or {}).get("workflow") or {}).get("id")


def _wanted(query: QueryParams) -> dict[str, Any]:
    """What the query asks for; ValueError with the sentence of the 400."""
    statuses = query["status"].split(",") if query.get("status") else list(STATUSES)
    if unknown := [status for status in statuses if status not in STATUSES]:
        raise ValueError(f"Invalid status value(s): {', '.join(unknown)}. Valid values: {', '.join(STATUSES)}")
    sort_by, order = query.get("sort_by", "created_at"), query.get("sort_order", "desc")
    if sort_by not in {"created_at", "execution_duration"}:
        raise ValueError("sort_by must be 'created_at' or 'execution_duration'")
    if order not in {"asc", "desc"}:
        raise ValueError("sort_order must be 'asc' or 'desc'")
    workflow_id = query.get("workflow_id")
    return {
        "statuses": statuses,
        "is_of": lambda job: not workflow_id or job.get("workflow_id") == workflow_id,
        "key": _duration if sort_by == "execution_duration" else _created,
        "is_descending": order == "desc",
        "limit": _integer(query, "limit", 1, "a positive integer"),
        "offset": max(_integer(query, "offset", None, "") or 0, 0),
    }


def _integer(query: QueryParams, name: str, lowest: int | None, told: str) -> int | None:
    if name not in query:
        return None
    try:
        value = int(query[name])
    except ValueError:
        raise ValueError(f"{name} must be an integer") from None
    if lowest is not None and value < lowest:
        raise ValueError(f"{name} must be {told}")
    return value


def _created(job: Job) -> Any:
    return job.get("create_time") or 0


def _duration(job: Job) -> Any:
    return job.get("execution_end_time", 0) - job.get("execution_start_time", 0)


def _is_uuid(text: Any) -> bool:
    try:
        return isinstance(text, str) and bool(UUID(text))
    except ValueError:
        return False
