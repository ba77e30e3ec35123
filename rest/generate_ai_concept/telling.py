"""A batch as it is told: `status`, `batch_id`, `logs`, `progress`, `results`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from domain.errors import InvalidInput
from domain.images import cdn_path_of
from domain.plain import rfc3339
from domain.shots.batch import BatchStatus
from domain.shots.names import path_of
from rest.generate_ai_concept.house import PREFIX, AtBatch
from rest.generate_ai_concept.windows import Windows
from storage.answers import KeptResponse
from storage.shot_pictures import PictureWindow, ShotLine, ShotPicture

JSON = "application/json"
USUAL = Windows()
Shape = dict[str, Any]


async def told(here: AtBatch, windows: Windows = USUAL) -> tuple[Shape, dict[str, str]]:
    """The body, and the header that leads to more of its logs. Raises VALIDATION_ERROR."""
    batch, house = here.batch, here.house
    results = await _pictures(here, windows.results)
    lines, has_more = await house.pictures.lines(batch.id, windows.logs)
    body = {
        "status": _status(batch.status),
        "batch_id": batch.id,
        "logs": [_line(one) for one in lines],
        "progress": percent(batch.progress),
        "results": [_result(here, one) for one in results],
    }
    return body, _links(here, windows, lines, has_more=has_more)


async def _pictures(here: AtBatch, window: PictureWindow) -> list[ShotPicture]:
    found = await here.house.pictures.window(here.batch.id, window)
    if found is None:
        raise InvalidInput("results_after must be the name of one of the batch's pictures", field="results_after")
    return found


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


def _links(here: AtBatch, windows: Windows, lines: list[ShotLine], *, has_more: bool) -> dict[str, str]:
    """To older lines and to newer ones, where there are: where the page was come from there always are."""
    if not lines:
        return {}
    window = windows.logs
    older, newer = (True, has_more) if window.after is not None else (has_more, window.before is not None)
    prev = [f'<{_at(here, windows.query(logs_before=lines[0].id))}>; rel="prev"'] if older else []
    next_ = [f'<{_at(here, windows.query(logs_after=lines[-1].id))}>; rel="next"'] if newer else []
    return {"Link": ", ".join([*prev, *next_])} if prev or next_ else {}


def _at(here: AtBatch, query: str) -> str:
    return f"{status_url(here)}&{query}"


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
