"""A batch as it is told: `status`, `batch_id`, `logs`, `progress`, `results`."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from domain.errors import InvalidInput
from domain.ids import parse_id
from domain.images import cdn_path_of
from domain.plain import rfc3339
from domain.shots.batch import BatchStatus
from domain.shots.names import path_of
from rest.generate_ai_concept.house import PREFIX, AtBatch
from storage.answers import KeptResponse
from storage.shot_pictures import LogWindow, ShotLine, ShotPicture

JSON = "application/json"
DEFAULT_LOGS, MOST_LOGS = 100, 500
WINDOW = ("logs_limit", "logs_after", "logs_before")
Shape = dict[str, Any]


async def told(here: AtBatch, window: LogWindow | None = None) -> tuple[Shape, dict[str, str]]:
    """The body, and the header that leads to more of its logs."""
    batch, window = here.batch, window or LogWindow(DEFAULT_LOGS)
    lines, has_more = await here.house.pictures.lines(batch.id, window)
    shots = await here.house.pictures.shots(batch.id)
    body = {
        "status": _status(batch.status),
        "batch_id": batch.id,
        "logs": [_line(one) for one in lines],
        "progress": percent(batch.progress),
        "results": [_result(here, one) for shot in shots for one in shot.pictures],
    }
    return body, _links(here, window, lines, has_more=has_more)


def percent(part: float) -> float:
    """0 to 100, as a whole number where it is one."""
    found = round(100 * part, 1)
    return int(found) if found == int(found) else found


def _status(status: BatchStatus) -> str:
    return "running" if status is BatchStatus.PAUSED else status.lower()


def _line(one: ShotLine) -> Shape:
    return {
        "id": one.id,
        "at": rfc3339(one.at),
        "level": one.level,
        "message": one.message,
        "shot_id": one.shot_id,
        "sequence_id": one.sequence,
        "plan": one.plan,
    }


def _result(here: AtBatch, one: ShotPicture) -> Shape:
    return {
        "sequence_id": one.sequence,
        "plan": one.plan,
        "name": one.name,
        "path": path_of(one, one.name),
        "url": url_of(here, one),
        "version": one.version,
        "width": one.width,
        "height": one.height,
        "mime_type": one.mime_type,
    }


def url_of(here: AtBatch, one: ShotPicture) -> str:
    place = here.place
    return here.url(cdn_path_of(place.organization_slug, place.project_slug, one.shown_as, one.file_hash))


def window_of(asked: Mapping[str, str]) -> LogWindow:
    limit = asked.get("logs_limit", str(DEFAULT_LOGS))
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MOST_LOGS:
        raise InvalidInput(f"logs_limit must be a whole number from 1 to {MOST_LOGS}", field="logs_limit")
    ends = {name: parse_id(asked[name]) for name in WINDOW[1:] if name in asked}
    for name, end in ends.items():
        if end is None:
            raise InvalidInput(f"{name} must be the id of a line of the logs", field=name)
    return LogWindow(int(limit), ends.get("logs_after"), ends.get("logs_before"))


def _links(here: AtBatch, window: LogWindow, lines: list[ShotLine], *, has_more: bool) -> dict[str, str]:
    """To older lines and to newer ones, where there are: where the page was come from there always are."""
    if not lines:
        return {}
    older, newer = (True, has_more) if window.after is not None else (has_more, window.before is not None)
    prev = [f'<{_status_url(here, window, "logs_before", lines[0])}>; rel="prev"'] if older else []
    next_ = [f'<{_status_url(here, window, "logs_after", lines[-1])}>; rel="next"'] if newer else []
    return {"Link": ", ".join([*prev, *next_])} if prev or next_ else {}


def _status_url(here: AtBatch, window: LogWindow, name: str, line: ShotLine) -> str:
    return f"{status_url(here)}&{urlencode({'logs_limit': window.most, name: line.id})}"


def status_url(here: AtBatch) -> str:
    return here.url(f"{PREFIX}/status?{urlencode({'batch_id': here.batch.id})}")


async def kept(here: AtBatch, status: int = 200, headers: Mapping[str, str] | None = None) -> KeptResponse:
    """The batch as the answer to a change."""
    body, links = await told(here)
    return kept_of(body, status, {**links, **(headers or {})})


def kept_of(body: Shape, status: int = 200, headers: Mapping[str, str] | None = None) -> KeptResponse:
    return KeptResponse(status, {"Content-Type": JSON, **(headers or {})}, msgspec.json.encode(body).decode())


def answer(body: Shape, headers: Mapping[str, str] | None = None) -> Response:
    told_apart = {"Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(body), headers=told_apart, media_type=JSON)
