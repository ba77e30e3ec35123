"""Operations with files: the GraphQL multipart request specification, and no more than it says."""

from collections.abc import Mapping
from typing import Any

import msgspec
from cross_web import HTTPException
from starlette.datastructures import FormData, UploadFile

from domain.image_uploads import require_file_size
from gateway.forms import is_form

MOST_FILES = 10
# `operations`, `map`, and nothing else that is no file.
FORM_BOUNDS = {"most_files": MOST_FILES, "most_fields": 2}
# Pages of other origins send a form without asking first, but no header of their own.
PREFLIGHT = ("graphql-require-preflight", "apollo-require-preflight")
WHAT_TO_SEND = (
    "Send JSON: the Content-Type must be application/json; or, with files, multipart/form-data and the header "
    "GraphQL-Require-Preflight: 1"
)
FIELD_OF_LARGE_FILES = "submitShotImage"
_LONGEST_PATH = 10


def is_upload(content_type: str, headers: Mapping[str, str]) -> bool:
    """Whether it is a form, from somebody who may send headers here."""
    return is_form(content_type) and any(headers.get(name) for name in PREFLIGHT)


def operation_in(form: FormData) -> dict[str, Any]:
    """The operation, its variables holding the files where `map` says."""
    operation, placed = _object(form, "operations"), _object(form, "map")
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    if len(placed) > MOST_FILES or len(form.multi_items()) != len(files) + 2 or set(files) != set(placed):
        raise _malformed("`map` must name each file of the form, and no other, once")
    if not _may_be_large(operation):
        require_file_size(sum(file.size or 0 for file in files.values()))
    for name, paths in placed.items():
        if not isinstance(paths, list) or len(paths) != 1:
            raise _malformed("`map` must give each file a list with one place")
        _put(operation, paths[0], files[name])
    return operation


def _may_be_large(operation: dict[str, Any]) -> bool:
    """Whether it may bring pictures of shots, which are looked at one by one."""
    return FIELD_OF_LARGE_FILES in str(operation.get("query"))


def _object(form: FormData, name: str) -> dict[str, Any]:
    text = form.get(name)
    try:
        found = msgspec.json.decode(text) if isinstance(text, str) else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _malformed(f"`{name}` must be a field with a JSON object")
    return found


def _put(operation: dict[str, Any], path: Any, file: UploadFile) -> None:
    """Where the specification wants a null, which the file takes the place of."""
    keys = path.split(".") if isinstance(path, str) else []
    if not 2 <= len(keys) <= _LONGEST_PATH or keys[0] != "variables":
        raise _malformed("`map` must say places as variables.input.file")
    holder: Any = operation
    for key in keys[:-1]:
        holder = _inside(holder, key)
    if _inside(holder, keys[-1]) is not None:
        raise _malformed("`map` must name places of `operations` that are null")
    holder[int(keys[-1]) if isinstance(holder, list) else keys[-1]] = file


def _inside(holder: Any, key: str) -> Any:
    if isinstance(holder, dict) and key in holder:
        return holder[key]
    if isinstance(holder, list) and key.isascii() and key.isdigit() and len(key) < 4 and int(key) < len(holder):
        return holder[int(key)]
    raise _malformed("`map` must name places that are in `operations`")


def _malformed(reason: str) -> HTTPException:
    return HTTPException(400, f"The form cannot be read: {reason}")
