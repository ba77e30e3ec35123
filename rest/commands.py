"""Commands as they come over HTTP: a JSON body whose keys are the command's fields in camelCase."""

import re
from dataclasses import fields
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.plain import camel_case
from domain.ports import Command
from storage.idempotency import LONGEST_KEY, SHORTEST_KEY

Asked = TypeVar("Asked", bound=Command[Any])

IDEMPOTENCY_KEY = "Idempotency-Key"
PROJECT = "X-Project-Id"
_ECHO = "client_mutation_id"
_PATH = re.compile(r" - at `\$\.([^`.\[]*)")


async def command_of(request: Request, kind: type[Asked], *, own_keys: tuple[str, ...] = ()) -> Asked:
    """
    What the request asks for. Unknown keys are refused by name, but for those that the route has of its own.

    `Idempotency-Key` makes it one command however often it is sent; `X-Project-Id` names the project where the body
    names none.
    """
    body = await json_of(request)
    names = {camel_case(f.name): f.name for f in fields(kind) if f.name != _ECHO}
    for key in body:
        if key not in names and key not in own_keys:
            known = ", ".join([*names, *own_keys])
            raise InvalidInput(f"'{key[:80]}' is not known here; known: {known}", field=key[:80])
    values = {names[key]: value for key, value in body.items() if key in names}
    if "project_id" in names.values() and values.get("project_id") is None:
        values["project_id"] = request.headers.get(PROJECT)
    return _converted(kind, {**values, _ECHO: key_of(request)})


async def json_of(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        message = "Send JSON: the Content-Type must be application/json"
        raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    try:
        body = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("The request must be a JSON object") from error
    if not isinstance(body, dict):
        raise InvalidInput("The request must be a JSON object")
    return body


def key_of(request: Request) -> str | None:
    """What makes the request one command however often it is sent; None where it says nothing of it."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise InvalidInput(
            f"{IDEMPOTENCY_KEY} must have {SHORTEST_KEY} to {LONGEST_KEY} characters", field=IDEMPOTENCY_KEY
        )
    return key


def _converted(kind: type[Asked], values: dict[str, Any]) -> Asked:
    try:
        command: Asked = msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, DomainError):
            raise error.__cause__ from None
        raise _named(str(error)) from error
    return command


def _named(message: str) -> InvalidInput:
    """A decoder's sentence, with the field as the caller wrote it."""
    found = _PATH.search(message)
    if found:
        name = camel_case(found[1])
        return InvalidInput(f"{name}: {message[: found.start()]}", field=name)
    missing = re.fullmatch(r"Object missing required field `(\w+)`", message)
    if missing:
        return InvalidInput(f"{camel_case(missing[1])} is required", field=camel_case(missing[1]))
    return InvalidInput(message)
