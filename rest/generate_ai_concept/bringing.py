"""Pictures that people bring: which shots files are for, and the files themselves."""

from functools import partial
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from domain.commands import execute
from domain.errors import InvalidInput
from domain.permissions import Actor
from domain.shots.matching import ShotFileMatch
from domain.shots.submitting import MatchShotFiles, SubmitShotImage
from gateway.forms import form_of, hash_of, size_of
from rest.commands import command_from, json_of, key_of
from rest.generate_ai_concept.bodies import require_known
from rest.generate_ai_concept.house import AtBatch, Here, House
from rest.generate_ai_concept.telling import Shape, answer, kept
from storage.answers import KeptResponse

FILE = "file"
BRING_COST = 100
"""Of a picture, whichever batch it is for: that shows only once it is brought."""
_PLACE = ("batch_id", "project_id")
_FIELDS = (*_PLACE, "sequence_id", "plan")


async def match(house: House, request: Request, actor: Actor) -> Response:
    """What each file would be, by its name; nothing is changed."""
    body = await json_of(request)
    require_known(body, (*_PLACE, "file_names"))
    here = await _place(house, request, actor, body.get("batch_id"), body.get("project_id"))
    named = {"batch_id": _batch_id(here), "project_id": here.place.project_id}
    said = {name: value for name, value in body.items() if name not in _PLACE}
    command = command_from(request, MatchShotFiles, said, named=named, spelled=str)
    found = await execute(house.begin, here.actor, command)
    return answer({"files": [_matched(one) for one in found]})


def _matched(one: ShotFileMatch) -> Shape:
    of = one.says or one.shot
    return {
        "file_name": one.file_name,
        "match": one.match.lower(),
        "sequence_id": of.sequence if of else None,
        "plan": of.plan if of else None,
        "problem": one.problem,
    }


async def upload(house: House, request: Request, actor: Actor) -> Response:
    """The batch, whose shot has its picture now: the shot that is named, or the one that the file's name says."""
    async with form_of(request, most_files=1, most_fields=len(_FIELDS)) as form:
        file, said = _file(form), {name: _text(form, name) for name in _FIELDS}
        here = await _place(house, request, actor, said["batch_id"], said["project_id"])
        shot_id = await _shot_id(here, said)
        async with house.uploads.turn(size_of(file, house.uploads.shot_bytes)):
            data = await file.read()
            command = SubmitShotImage(
                client_mutation_id=key_of(request),
                shot_id=shot_id,
                batch_id=_batch_id(here),
                file_name=file.filename or "",
                sent_hash=await hash_of(data),
            )
            return await house.repeats.answer(here.actor, command, partial(_brought, here, command, data))


async def _brought(here: Here, command: SubmitShotImage, data: bytes) -> KeptResponse:
    await here.spend(BRING_COST)  # ahead of it: who is refused has brought nothing
    shot = await here.house.uploads.submit(here.actor, command, data)
    return await kept(await here.at(shot.batch_id))


async def _place(house: House, request: Request, actor: Actor, batch_id: Any, project: Any) -> Here:
    """The batch or the project that is named, else the project that the key stands for."""
    if batch_id is None:
        return await house.here(request, actor, project)
    if project is not None:
        raise InvalidInput("Name batch_id or project_id, not both", field="project_id")
    return await house.at_batch(request, actor, batch_id)


def _batch_id(here: Here) -> Any:
    return here.batch.id if isinstance(here, AtBatch) else None


async def _shot_id(here: Here, said: dict[str, str | None]) -> Any:
    if said["sequence_id"] is None and said["plan"] is None:
        return None
    if not isinstance(here, AtBatch):
        raise InvalidInput("A shot is named by batch_id, sequence_id and plan: batch_id is missing", field="batch_id")
    return (await here.shot(said["sequence_id"], said["plan"])).id


def _file(form: FormData) -> UploadFile:
    require_known(dict.fromkeys(form), (FILE, *_FIELDS))
    for name in form:
        if len(form.getlist(name)) > 1:
            raise InvalidInput(f"{name} is there more than once", field=name)
    file = form.get(FILE)
    if not isinstance(file, UploadFile) or not file.size:
        hint = "Send a PNG, JPEG or WebP picture in a part of the form that is named file and has a filename"
        raise InvalidInput("File is required", field=FILE, hint=hint)
    return file


def _text(form: FormData, name: str) -> str | None:
    """A field that is left empty, as pages send them, says nothing."""
    value = form.get(name)
    if isinstance(value, UploadFile):
        raise InvalidInput(f"{name} is a text, not a file", field=name)
    return value or None
