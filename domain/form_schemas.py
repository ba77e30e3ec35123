"""The JSON Schema of a form. Whoever writes workflows writes it, so whatever it says, checking an answer is quick."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from domain.errors import InvalidInput

MOST_PARTS = 2_000
MOST_LEVELS = 16
_MOST_COMPARED = 20_000
_MOST_TOLD = 5
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=100_000)  # bytes; an engine that never goes back in the text


def schema_problems(schema: dict[str, Any]) -> Iterator[str]:
    """Why this cannot be a form's schema: a path into it, then a sentence."""
    if schema.get("type") != "object":
        yield ".type: must be 'object'"
    parts = list(_parts(schema))
    if len(parts) > MOST_PARTS or max(level for level, _ in parts) > MOST_LEVELS:
        yield f": may have {MOST_PARTS:,} parts, and {MOST_LEVELS} levels"
    elif any(_refers(part) for _, part in parts):
        yield f": {', '.join(_REFERENCES)} have no place here: write out what they refer to"
    else:
        yield from _not_understood(schema)


def require_values(schema: dict[str, Any], values: dict[str, Any]) -> None:
    """Refuses values that do not fit, and says why where there is not too much to say."""
    validator = _validator(schema)
    if validator.is_valid(values):
        return
    # Every part of the schema can have something to say of every value, and the library writes it all down at once.
    if len(list(_parts(schema))) * len(list(_parts(values))) > _MOST_COMPARED:
        raise InvalidInput("values do not fit the form", field="values")
    wrong = validator.iter_errors(values)
    told = [f"{'.'.join(('values', *map(str, one.instance_path)))}: {one.message[:300]}" for one in wrong]
    raise InvalidInput("; ".join(told[:_MOST_TOLD]), field="values")


def defaults_of(schema: dict[str, Any]) -> dict[str, Any]:
    """What the form holds before anybody has filled it in."""
    properties = schema.get("properties", {})
    return {name: part["default"] for name, part in properties.items() if isinstance(part, dict) and "default" in part}


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """`format` tells editors how to show a value, in every draft of the standard."""
    return jsonschema_rs.validator_for(
        schema, mask="this", validate_formats=False, offline=True, pattern_options=_PATTERNS
    )


def _not_understood(schema: dict[str, Any]) -> Iterator[str]:
    try:
        _validator(schema)
    except jsonschema_rs.ValidationError as error:
        yield f"{''.join(f'.{name}' for name in error.instance_path)}: {error.message[:300]}"
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        yield f": {str(error)[:300]}"


def _parts(value: Any, level: int = 0) -> Iterator[tuple[int, Any]]:
    """The value and all that is in it, each with how deep it lies."""
    yield level, value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inside:
        yield from _parts(part, level + 1)


def _refers(part: Any) -> bool:
    return isinstance(part, dict) and any(isinstance(part.get(name), str) for name in _REFERENCES)
