"""The parts of ComfyUI's answers that Easel reads. Whatever is not of its protocol is told as Away."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from providers.comfyui.connection import Answer, Away
from providers.comfyui.shapes import list_of, object_of

Body = TypeVar("Body")


class End(StrEnum):
    """How a prompt ended, by the last message of its kind."""

    SUCCESS = "execution_success"
    ERROR = "execution_error"
    INTERRUPTED = "execution_interrupted"


@dataclass(frozen=True, slots=True)
class Ending:
    """What history says of a prompt; `details` are those of its error."""

    end: End
    outputs: dict[str, Any]
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Submission:
    """What POST /prompt answered. With `troubles`, `body` says which, and part of it may be `accepted` yet."""

    accepted: bool
    prompt_id: str
    troubles: bool
    body: dict[str, Any]


def read_queue_length(answer: Answer) -> int:
    return _decoded(answer, _Waiting).exec_info.queue_remaining


def reads_queue_of(prompt_id: str) -> Callable[[Answer], bool]:
    """Whether this prompt is running or waits for its turn."""
    told = msgspec.json.encode(prompt_id)

    def read_queue(answer: Answer) -> bool:
        queue = _decoded(answer, _Queue)
        return any(len(item) > 1 and bytes(item[1]) == told for item in queue.queue_running + queue.queue_pending)

    return read_queue


def reads_history_of(prompt_id: str) -> Callable[[Answer], Ending | None]:
    """How this prompt ended; None where history knows nothing of it."""

    def read_history(answer: Answer) -> Ending | None:
        entry = _decoded(answer, dict[str, Any]).get(prompt_id)
        if entry is None:
            return None
        if not isinstance(entry, dict):
            raise _not_its_protocol(answer)
        return _ending(entry)

    return read_history


def read_submission(answer: Answer) -> Submission:
    if answer.status == 413:
        return Submission(accepted=False, prompt_id="", troubles=True, body=_TOO_LARGE)
    if answer.status not in {200, 400}:
        raise _not_its_protocol(answer)
    body = _body(answer, dict[str, Any])
    if answer.status == 400:
        return Submission(accepted=False, prompt_id="", troubles=True, body=body)
    if not isinstance(body.get("prompt_id"), str):
        raise _not_its_protocol(answer)
    return Submission(accepted=True, prompt_id=body["prompt_id"], troubles=bool(body.get("node_errors")), body=body)


def read_upload(answer: Answer) -> str | None:
    """How nodes name the picture that was sent; None where the server does not take it."""
    if answer.status in {400, 413}:
        return None
    stored = _decoded(answer, _Stored)
    return f"{stored.subfolder}/{stored.name}" if stored.subfolder else stored.name


def read_file(answer: Answer) -> bytes | None:
    """None where there is no such file."""
    if answer.status == 200:
        return answer.content
    if answer.status in {400, 403, 404}:
        return None
    raise _not_its_protocol(answer)


def read_nothing(answer: Answer) -> None:
    """Whatever the answer says."""


class _Remaining(msgspec.Struct):
    queue_remaining: int


class _Waiting(msgspec.Struct):
    exec_info: _Remaining


class _Queue(msgspec.Struct):
    queue_running: list[list[msgspec.Raw]]
    queue_pending: list[list[msgspec.Raw]]


class _Stored(msgspec.Struct):
    name: str
    subfolder: str = ""


_TOO_LARGE = {"error": {"message": "The graph is larger than the server takes"}}


def _ending(entry: dict[str, Any]) -> Ending:
    status, outputs = object_of(entry.get("status")), object_of(entry.get("outputs"))
    if status.get("status_str") != "error":
        return Ending(End.SUCCESS, outputs, {})
    for message in reversed(list_of(status.get("messages"))):
        match message:
            case [End.INTERRUPTED.value, *_]:
                return Ending(End.INTERRUPTED, outputs, {})
            case [End.ERROR.value, dict(details), *_]:
                return Ending(End.ERROR, outputs, details)
    return Ending(End.ERROR, outputs, {})


def _decoded(answer: Answer, type_: type[Body]) -> Body:
    if answer.status != 200:
        raise _not_its_protocol(answer)
    return _body(answer, type_)


def _body(answer: Answer, type_: type[Body]) -> Body:
    try:
        return msgspec.json.decode(answer.content, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _not_its_protocol(answer) from None


def _not_its_protocol(answer: Answer) -> Away:
    return Away(f"it answered {answer.status} with something that is not ComfyUI's protocol")
