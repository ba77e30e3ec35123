"""`input`: a value that whoever starts the run gives."""

from collections.abc import Collection, Iterable
from typing import Any

from domain.errors import InvalidInput
from domain.ids import parse_id
from domain.kinds.kind import ANY, NodeKind, Port, StepResult, Work, settings
from domain.plain import require_json
from domain.text import require_length

LONGEST_TEXT = 4_000
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "boolean": (bool,)}


async def run(work: Work) -> StepResult:
    """What a run was given was checked at its start; the items of a map are checked here."""
    name = work.config["name"]
    given = work.given.get(name)
    checked = _value(f"inputs.{name}", work.config, given)
    return StepResult(outputs={"value": checked if given is None else given})


def checked_inputs(nodes_config: Iterable[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    """What the run starts with: every declared input, checked, defaults filled in. Unknown names are refused."""
    declared = {config["name"]: config for config in nodes_config}
    if unknown := [name for name in given if name not in declared]:
        known = ", ".join(declared) or "none"
        name = str(unknown[0])[:80]
        raise InvalidInput(f"'{name}' is not an input of this workflow; it has: {known}", field=f"inputs.{name}")
    return {name: _value(f"inputs.{name}", config, given.get(name)) for name, config in declared.items()}


def image_value(value: Any, field: str) -> dict[str, Any]:
    """An image as it flows between nodes, by its id alone or as it came out of a run."""
    named = value.get("imageId") if isinstance(value, dict) else value
    id_ = parse_id(named) if isinstance(named, str) else None
    if id_ is None:
        raise InvalidInput(f"{field} must be an image: its id, or an object with its imageId", field=field)
    return {"imageId": id_}


def default_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    try:
        _default(config)
    except InvalidInput as error:
        yield error.message


def _default(config: dict[str, Any]) -> Any:
    value = config.get("default")
    return None if value is None else _fitting("config.default", config, value)


def _value(field: str, config: dict[str, Any], value: Any) -> Any:
    if value is not None:
        return _fitting(field, config, value)
    if _is_needed(config):
        raise InvalidInput(f"{field} is required", field=field)
    return _default(config)


def _is_needed(config: dict[str, Any]) -> bool:
    return bool(config.get("required", True)) and config.get("default") is None


def _fitting(field: str, config: dict[str, Any], value: Any) -> Any:
    wanted = config.get("type", "text")
    if wanted == "image":
        return image_value(value, field)
    expected = _PYTHON_TYPES.get(wanted)
    if expected and (not isinstance(value, expected) or (wanted == "number" and isinstance(value, bool))):
        raise InvalidInput(f"{field} must be a {wanted}", field=field)
    if wanted == "text":
        longest = config.get("maxLength", LONGEST_TEXT)
        require_length(value, field, longest=longest, shortest=int(_is_needed(config)))
    return require_json(value, field)


def _ports(config: dict[str, Any]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    type_ = config.get("type", "text")
    return (), (Port("value", type_ if type_ in {*_PYTHON_TYPES, "image"} else ANY),)


KIND = NodeKind(
    kind="input",
    title="Input",
    description="A value that whoever starts the run gives.",
    outputs=(Port("value", ANY),),
    config_schema=settings(
        {
            "name": {
                "type": "string",
                "pattern": "^[a-zA-Z][a-zA-Z0-9_]{0,63}$",
                "title": "Name",
                "description": "What the value is called in the run's inputs.",
            },
            "type": {"enum": ["text", "number", "boolean", "json", "image"], "default": "text", "title": "Type"},
            "required": {"type": "boolean", "default": True, "title": "Required"},
            "default": {"title": "Default", "description": "Used when the run does not give the value."},
            "description": {"type": "string", "maxLength": 1000, "title": "Description"},
            "maxLength": {
                "type": "integer",
                "minimum": 1,
                "maximum": 32_000,
                "default": LONGEST_TEXT,
                "title": "Longest text, in characters",
            },
        },
        "name",
    ),
    ports=_ports,
    run=run,
    pure=True,
    further_problems=default_problems,
)
