"""What goes wrong at ComfyUI, told as ProviderError: which node, which input, why; no traceback, no server's path."""

import re
from collections.abc import Iterator
from typing import Any

from domain.errors import ErrorCode
from domain.providers import ProviderError
from providers.comfyui.shapes import list_of, object_of

LONGEST_MESSAGE = 500  # characters
LONGEST_PART = 160  # characters
_OUT_OF_MEMORY = re.compile(r"OutOfMemory|out of memory|Allocation on device|DefaultCPUAllocator", re.IGNORECASE)
# The folders of an absolute path, which may have spaces in their names.
_FOLDERS = re.compile(r"(?<![\w.~)-])(?:[A-Za-z]:)?[\\/](?=\S)(?:[^'\"\\/]*[\\/])+")


def refused(body: dict[str, Any], graph: dict[str, dict[str, Any]]) -> ProviderError:
    """ComfyUI judges graphs, and this one is the caller's to mend: hence PROVIDER_REFUSED, as for content."""
    troubles = list(_troubles(body, graph)) or [_whole_trouble(body)]
    message = f"ComfyUI does not take the graph: {'; '.join(dict.fromkeys(troubles))}"
    return ProviderError(ErrorCode.PROVIDER_REFUSED, _capped(message, LONGEST_MESSAGE), retryable=False)


def unknown_node(node: str) -> ProviderError:
    message = f"The graph has no node {_capped(_plain(node), LONGEST_PART)}: name one that it has"
    return ProviderError(ErrorCode.PROVIDER_REFUSED, message, retryable=False)


def source_refused(node: str, input_name: str) -> ProviderError:
    message = f"ComfyUI does not take the picture for {input_name} of node {_plain(node)}: send a smaller one"
    return ProviderError(ErrorCode.PROVIDER_REFUSED, message, retryable=False)


def node_failed(details: dict[str, Any]) -> ProviderError:
    """The same graph fails there again, but for memory, which others may have taken."""
    named = _named(details.get("node_id"), details.get("node_type"))
    kind, said = _plain(details.get("exception_type")), _first_line(details.get("exception_message"))
    if _OUT_OF_MEMORY.search(f"{kind} {said}"):
        return failed(f"{named} ran out of memory: ask for smaller pictures, or try again later", retryable=True)
    reason = ": ".join(part for part in (kind, said) if part) or "it does not say why"
    return failed(f"{named} failed: {reason}", retryable=False)


def interrupted() -> ProviderError:
    return failed("The work was interrupted at the ComfyUI server: try again", retryable=True)


def vanished(reason: str) -> ProviderError:
    message = f"The ComfyUI server does not keep the work it is given ({reason}): look at its own log"
    return failed(message, retryable=True)


def gone(reason: str) -> ProviderError:
    return failed(f"The ComfyUI server went away in the middle of the work ({reason}): try again", retryable=True)


def files_missing() -> ProviderError:
    return failed("ComfyUI made pictures and does not have them: look at the server's output folder", retryable=True)


def no_picture(node: str, graph: dict[str, dict[str, Any]]) -> ProviderError:
    named = _named(node, graph.get(node, {}).get("class_type"))
    return failed(f"{named} left no picture to fetch: let the graph end in SaveImage or PreviewImage", retryable=False)


def unusable(what: str) -> ProviderError:
    return failed(f"ComfyUI made {what}", retryable=False)


def away(reason: str, *, retry_after_seconds: float | None = None) -> ProviderError:
    message = f"No ComfyUI server can be used ({reason}): start it, or check EASEL_COMFYUI_URL"
    return failed(message, retryable=True, retry_after_seconds=retry_after_seconds)


def too_old() -> ProviderError:
    return failed("The ComfyUI server gives work ids of its own: update it to 0.3.64 or newer", retryable=False)


def too_long(seconds: float) -> ProviderError:
    message = f"ComfyUI did not finish within {seconds:g} s, the time in its queue included: the work was stopped"
    return ProviderError(ErrorCode.PROVIDER_TIMEOUT, message, retryable=True)


def failed(message: str, *, retryable: bool, retry_after_seconds: float | None = None) -> ProviderError:
    return ProviderError(
        ErrorCode.PROVIDER_FAILED,
        _capped(message, LONGEST_MESSAGE),
        retryable=retryable,
        retry_after_seconds=retry_after_seconds,
    )


def _troubles(body: dict[str, Any], graph: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A part for each thing that is wrong with a node."""
    for node, found in object_of(body.get("node_errors")).items():
        told = object_of(found)
        class_type = graph.get(node, {}).get("class_type") or told.get("class_type")
        for error in list_of(told.get("errors")):
            yield f"{_named(node, class_type)}: {_trouble(object_of(error))}"


def _trouble(error: dict[str, Any]) -> str:
    extra = object_of(error.get("extra_info"))
    name, message, details = extra.get("input_name"), _first_line(error.get("message")), error.get("details")
    value = extra.get("received_value")
    if isinstance(value, str | int | float):
        shown = "" if str(value) in message else _capped(_plain(repr(value)), LONGEST_PART)
    else:
        shown = "" if details == name else _first_line(details)
    return ": ".join(part for part in (_plain(name), message, shown) if part) or "it does not say why"


def _whole_trouble(body: dict[str, Any]) -> str:
    error = body.get("error")
    if not isinstance(error, dict):
        return _first_line(error) or "it does not say why"
    extra = object_of(error.get("extra_info"))
    message, details = _first_line(error.get("message")), _first_line(error.get("details"))
    if extra.get("node_id") is not None:
        return f"{_named(extra['node_id'], extra.get('class_type'))}: {message}"
    told = f"{message} ({details})" if details and details not in message else message
    return told or "it does not say why"


def _named(node: object, class_type: object) -> str:
    number, kind = _capped(_plain(node), LONGEST_PART), _capped(_plain(class_type), LONGEST_PART)
    return " ".join(part for part in ("Node", number, f"({kind})" if kind else "") if part)


def _first_line(text: object) -> str:
    lines = _text(text).strip().splitlines()
    return _capped(_plain(lines[0]), LONGEST_PART) if lines else ""


def _plain(value: object) -> str:
    """On one line, printable, and of paths only their ends."""
    shown = "".join(character if character.isprintable() else " " for character in _text(value)[: 4 * LONGEST_MESSAGE])
    return " ".join(_FOLDERS.sub("", shown).split())


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) else ""


def _capped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
