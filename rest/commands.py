"""Commands as they come over HTTP: a JSON body whose keys are the command's fields in camelCase."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
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
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_PATH = re.compile(r" - at `\$\.([^`.\[]*)")


async def command_of(request: Request, kind: type[Asked]) -> Asked:
    """
    What the request asks for by its body.

    `Idempotency-Key` makes it one command however often it is sent; `X-Project-Id` names the project where the body
    names none.
    """
    return command_from(request, kind, await json_of(request))


def command_from(
    request: Request,
    kind: type[Asked],
    body: Mapping[str, Any],
    *,
    named: Mapping[str, Any] = _NOTHING,
    unsaid: Iterable[str] = (),
    spelled: Callable[[str], str] = camel_case,
) -> Asked:
    """
    The command of a body that was read. Keys that are not its fields are refused by name.

    `named` are fields that the path has said, `unsaid` those that nobody says here; no body has either. `spelled` is
    how fields are written in the body.
    """
    names = {spelled(f.name): f.name for f in fields(kind) if f.name not in {_ECHO, *named, *unsaid}}
    for key in body:
        if key not in names:
            known = f"known: {', '.join(names)}" if names else "nothing is"
            raise InvalidInput(f"'{key[:80]}' is not known here; {known}", field=key[:80])
    values = {**{names[key]: value for key, value in body.items()}, **named}
    if "project_id" in names.values() and values.get("project_id") is None:
        values["project_id"] = request.headers.get(PROJECT)
    return _converted(kind, {**values, _ECHO: key_of(request)}, spelled)


async def json_of(request: Request) -> dict[str, Any]:
    """The body's object; that of an empty body is empty, and needs no name for what it is not."""
    if "content-type" not in request.headers and not await request.body():
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        message = "Send JSON: the Content-Type must be application/json"
        raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    sent = await request.body()
    if not sent:
        return {}
    try:
        body = msgspec.json.decode(sent)
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


def _converted(kind: type[Asked], values: dict[str, Any], spelled: Callable[[str], str]) -> Asked:
    for field in fields(kind):
        if field.default is field.default_factory is MISSING and values.get(field.name) is None:
            words = field.name.replace("_", " ").capitalize()  # as `Prompt is required`
            raise InvalidInput(f"{words} is required", field=spelled(field.name))
    try:
        command: Asked = msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, DomainError):
            raise error.__cause__ from None
        raise _named(str(error), spelled) from error
    return command


def _named(message: str, spelled: Callable[[str], str]) -> InvalidInput:
    """A decoder's sentence, with the field as the caller wrote it."""
    found = _PATH.search(message)
    if found:
        name = spelled(found[1])
        return InvalidInput(f"{name}: {message[: found.start()]}", field=name)
    return InvalidInput(message)
