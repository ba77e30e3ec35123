"""Entities as the plain JSON that events carry: camelCase keys, RFC 3339 times, decimal strings."""

import re
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from domain.errors import InvalidInput
from domain.text import require_keepable

JSON_DEPTH = 32
JSON_BYTES = 65_536


@cache
def camel_case(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decimal_string(amount: Decimal) -> str:
    """Without exponent and without trailing zeros: `0.042`, `3`."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {camel_case(f.name): plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Decimal):
        return decimal_string(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def payload_of(entity: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """These fields of an entity as an event's payload."""
    return {camel_case(name): plain(getattr(entity, name)) for name in names}


def require_json(value: Any, field: str) -> Any:
    """The value, if it is a JSON value that can be kept: of keepable text, no NaN, not too deep, not too large."""
    if _weigh(value, field, 0) > JSON_BYTES:
        raise InvalidInput(f"{field} is larger than {JSON_BYTES // 1024} KiB", field=field)
    return value


def require_json_object(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{field} must be a JSON object", field=field)
    checked: dict[str, Any] = require_json(value, field)
    return checked


def _weigh(value: Any, field: str, depth: int) -> int:
    if depth > JSON_DEPTH:
        raise InvalidInput(f"{field} is nested more than {JSON_DEPTH} levels deep", field=field)
    match value:
        case str():
            return len(require_keepable(value, field).encode()) + 2
        case int() if not -(2**63) <= value < 2**64:
            raise InvalidInput(f"{field} must not contain whole numbers beyond 64 bits", field=field)
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - that is NaN
            raise InvalidInput(f"{field} must not contain NaN or infinity", field=field)
        case float() if abs(value) >= 2**63:
            raise InvalidInput(f"{field} must not contain numbers beyond 64 bits", field=field)
        case dict():
            return sum(_weigh(k, field, depth + 1) + _weigh(v, field, depth + 1) for k, v in value.items()) + 2
        case list() | tuple():
            return sum(_weigh(item, field, depth + 1) for item in value) + 2
        case _:
            return 8
