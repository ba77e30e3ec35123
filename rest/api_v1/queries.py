"""What stands behind the question mark: how much of a list, and which of it."""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

from starlette.requests import Request

from domain.aliases import require_written
from domain.errors import InvalidInput
from domain.generations import GenerationStatus
from domain.ids import Id, parse_id
from domain.images import ImageSource
from domain.live_scope_commands import require_scope_slug
from storage.pages import DEFAULT_PAGE, LONGEST_PAGE

MOST_OFFSET = 1_000_000_000
DELETED = "includeDeleted"


def asked_of(request: Request, known: Iterable[str]) -> dict[str, str]:
    """The query parameters by their names, each once. Raises VALIDATION_ERROR for others."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise InvalidInput(f"'{name[:80]}' is not known here; known: {', '.join(known)}", field=name[:80])
        if name in found:
            raise InvalidInput(f"Give {name} once", field=name)
        found[name] = value
    return found


def window_of(asked: dict[str, str]) -> tuple[int, int]:
    """`limit` and `offset`."""
    limit = whole_number(asked, "limit", DEFAULT_PAGE, 1, LONGEST_PAGE)
    return limit, whole_number(asked, "offset", 0, 0, MOST_OFFSET)


def wanted_by(asked: dict[str, str]) -> dict[str, Any]:
    """The fields that rows must have, by the filters that were given."""
    return {FILTERS[name][0]: FILTERS[name][1](value, name) for name, value in asked.items() if name in FILTERS}


def wants_deleted(asked: dict[str, str]) -> bool:
    value = asked.get(DELETED, "false")
    if value not in {"true", "false"}:
        raise InvalidInput(f"{DELETED} must be true or false", field=DELETED)
    return value == "true"


def read_id(text: str, name: str) -> Id:
    found = parse_id(text)
    if found is None:
        raise InvalidInput(f"{name} must be a UUID", field=name)
    return found


def whole_number(asked: Mapping[str, str], name: str, otherwise: int, least: int, most: int) -> int:
    text = asked.get(name, str(otherwise))
    if not re.fullmatch(r"[0-9]{1,12}", text) or not least <= int(text) <= most:
        raise InvalidInput(f"{name} must be a whole number from {least} to {most}", field=name)
    return int(text)


def _one_of(kind: type[StrEnum]) -> Callable[[str, str], StrEnum]:
    known = {one.lower(): one for one in kind}

    def read(text: str, name: str) -> StrEnum:
        if text not in known:
            raise InvalidInput(f"{name} must be one of {', '.join(known)}", field=name)
        return known[text]

    return read


FILTERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "flowId": ("flow_id", read_id),
    "status": ("status", _one_of(GenerationStatus)),
    "source": ("source", _one_of(ImageSource)),
    "alias": ("alias", require_written),
    "slug": ("slug", require_scope_slug),
}
