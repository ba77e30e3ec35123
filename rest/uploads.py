"""`POST /api/v1/images/upload`: a picture in a form becomes an image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from domain.errors import InvalidInput
from domain.flows import UNSAID
from domain.ids import Id
from domain.images import Image
from domain.permissions import Actor
from domain.uploading import UploadImage
from gateway.forms import form_of, hash_of, size_of
from gateway.uploads import Uploads
from rest.commands import PROJECT, key_of
from rest.repeats import Repeats
from storage.answers import KeptResponse

Shape = Callable[[Image], Mapping[str, Any]]

FILE = "file"
FIELDS = ("alias", "flowId", "flowAlias", "meta")
_NULL = "null"


@dataclass(frozen=True, slots=True)
class ImageForms:
    """What the route needs of the house; `shape` is how an image is written."""

    uploads: Uploads
    repeats: Repeats
    shape: Shape

    async def upload(self, request: Request, actor: Actor) -> Response:
        """201 with the image; with an `Idempotency-Key`, the same answer to the same form."""
        async with form_of(request, most_files=1, most_fields=len(FIELDS)) as form:
            file = _file(form)
            async with self.uploads.turn(size_of(file)):
                data = await file.read()
                command = _command(request, form, file.filename, await hash_of(data))
                return await self.repeats.answer(actor, command, partial(self._made, actor, command, data))

    async def _made(self, actor: Actor, command: UploadImage, data: bytes) -> KeptResponse:
        image = await self.uploads.upload(actor, command, data)
        body = msgspec.json.encode(self.shape(image)).decode()
        return KeptResponse(201, {"Content-Type": "application/json"}, body)


def _file(form: FormData) -> UploadFile:
    for name, _ in form.multi_items():
        if name not in {FILE, *FIELDS}:
            raise InvalidInput(f"'{name[:80]}' is not known here; known: {', '.join((FILE, *FIELDS))}", field=name[:80])
        if len(form.getlist(name)) > 1:
            raise InvalidInput(f"{name} is there more than once", field=name)
    file = form.get(FILE)
    if not isinstance(file, UploadFile) or not file.size:
        hint = "Send a PNG, JPEG or WebP picture in a part of the form that is named file and has a filename"
        raise InvalidInput("File is required", field=FILE, hint=hint)
    return file


def _command(request: Request, form: FormData, file_name: str | None, sent_hash: str) -> UploadImage:
    flow_id = _text(form, "flowId")
    return UploadImage(
        client_mutation_id=key_of(request),
        project_id=Id(request.headers[PROJECT]) if PROJECT in request.headers else None,
        alias=_said(form, "alias"),
        flow_id=UNSAID if flow_id is None else None if flow_id == _NULL else Id(flow_id),
        flow_alias=_said(form, "flowAlias"),
        meta=_meta(_said(form, "meta")),
        sent_hash=sent_hash,
        file_name=file_name,
    )


def _said(form: FormData, name: str) -> str | None:
    text = _text(form, name)
    return None if text == _NULL else text


def _text(form: FormData, name: str) -> str | None:
    """A field that is left empty, as pages send them, says nothing."""
    value = form.get(name)
    if isinstance(value, UploadFile):
        raise InvalidInput(f"{name} is a text, not a file", field=name)
    return value or None


def _meta(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInput("meta must be a JSON object", field="meta") from error
    return found if found is not None else {}
