"""What callers write here, in words of this interface; and what they are told, in the same."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domain.errors import DomainError, InvalidInput
from domain.ids import Id
from domain.plain import camel_case
from domain.shots.batch_commands import StartShotBatch
from domain.shots.planning import ShotSequence
from domain.shots.shot import BatchMode
from domain.shots.submitting import MatchShotFiles
from rest.commands import command_from
from rest.problems import refusal
from rest.repeats import as_sent

MODES = {"auto": BatchMode.AUTO, "manuel": BatchMode.MANUAL, "manual": BatchMode.MANUAL}
_START = tuple(field.name for field in fields(StartShotBatch) if field.name != "client_mutation_id")
_SEQUENCE = tuple(field.name for field in fields(ShotSequence))
_COMMANDS = (StartShotBatch, MatchShotFiles, ShotSequence)
_SPELLED = {camel_case(field.name): field.name for kind in _COMMANDS for field in fields(kind)}
_WORD = re.compile(rf"\b({'|'.join(word for word, written in _SPELLED.items() if word != written)})\b")


class UnknownKey(InvalidInput):
    """It quotes what was written."""


def mode_of(value: object) -> BatchMode:
    mode = MODES.get(value) if isinstance(value, str) else None
    if mode is None:
        raise InvalidInput('mode must be "auto" or "manuel"', field="mode")
    return mode


def start_of(request: Request, body: Mapping[str, Any], project_id: Id) -> StartShotBatch:
    """The batch that is asked for. Keys that are not known, of its sequences too, are refused by name."""
    require_known(body, _START)
    _require_known_sequences(body.get("sequences"))
    values = {**body, "project_id": project_id}
    values["mode"] = BatchMode.AUTO if body.get("mode") is None else mode_of(body["mode"])
    return command_from(request, StartShotBatch, values, spelled=str)


def _require_known_sequences(sequences: object) -> None:
    for index, one in enumerate(sequences if isinstance(sequences, list) else ()):
        if isinstance(one, dict):
            require_known(one, _SEQUENCE, f"sequences[{index}].")


def require_known(body: Mapping[str, Any], known: Iterable[str], place: str = "") -> None:
    for key in body:
        if key not in known:
            raise UnknownKey(f"'{key[:80]}' is not known here; known: {', '.join(known)}", field=f"{place}{key[:80]}")


def refused(error: DomainError, trace_id: str) -> Response:
    return refusal(as_written(error), trace_id)


def as_written(error: DomainError) -> DomainError:
    """Its fields as they are written here: `workflow_json`."""
    if isinstance(error, UnknownKey):
        return error
    error = as_sent(error)
    written = DomainError(error.code, _snake(error.message), **{k: _told(v) for k, v in error.details.items()})
    return written if written.details != error.details or written.message != error.message else error


def _told(value: Any) -> Any:
    if isinstance(value, str):
        return _snake(value)
    if isinstance(value, list):
        return [_told(one) for one in value]
    if isinstance(value, dict):
        return {key: _told(one) for key, one in value.items()}
    return value


def _snake(text: str) -> str:
    return _WORD.sub(lambda found: _SPELLED[found[1]], text)
