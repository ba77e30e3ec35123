"""`POST /api/generate_ai_concept`: start a batch, or say what it would be."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from domain.commands import execute
from domain.errors import InvalidInput
from domain.permissions import Actor
from domain.plain import decimal_string
from domain.shots.batch_commands import StartShotBatch
from domain.shots.planning import PreviewShotBatch, ShotBatchPreview
from domain.shots.sequences import MOST_SHOTS
from rest.api_v1.queries import asked_of
from rest.commands import json_of
from rest.generate_ai_concept.bodies import start_of
from rest.generate_ai_concept.house import Here, House
from rest.generate_ai_concept.telling import Shape, answer, kept, status_url
from storage.answers import KeptResponse

_DRY_RUN = "dry_run"


async def start(house: House, request: Request, actor: Actor) -> Response:
    """202 with the batch, and where to look for it; 200 with what it would be for a dry run."""
    dry = flag_of(asked_of(request, (_DRY_RUN,)), _DRY_RUN)
    body = await json_of(request)
    here = await house.here(request, actor, body.get("project_id"))
    command = start_of(request, body, here.place.project_id)
    if dry:
        return answer(_preview(await execute(house.begin, here.actor, PreviewShotBatch(start=command))))
    return await house.repeats.answer(here.actor, command, partial(_started, here, command))


async def _started(here: Here, command: StartShotBatch) -> KeptResponse:
    await here.spend(min(len(command.plans), MOST_SHOTS))  # ahead of it: who is refused has started nothing
    await here.count_start()
    batch = await execute(here.house.begin, here.actor, command)
    there = await here.at(batch.id)
    return await kept(there, 202, {"Location": status_url(there)})


def _preview(preview: ShotBatchPreview) -> Shape:
    problems = [{"code": one.code, "message": one.message, "shot": one.node_id} for one in preview.problems]
    return {"file_names": preview.file_names, "problems": problems, "quote": decimal_string(preview.quote)}


def flag_of(asked: dict[str, str], name: str) -> bool:
    value = asked.get(name, "false")
    if value not in {"true", "false"}:
        raise InvalidInput(f"{name} must be true or false", field=name)
    return value == "true"
