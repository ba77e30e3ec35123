"""`condition`: which way a value goes on."""

import re
from collections.abc import Callable, Collection, Iterable
from fnmatch import translate
from operator import ge, gt, le, lt
from typing import Any

from domain.kinds.kind import ANY, NodeKind, Port, StepResult, Work, settings

LONGEST_PATTERN = 200


async def run(work: Work) -> StepResult:
    value = work.inputs["value"]
    return StepResult(outputs={"then" if holds(work.config, value) else "else": value})


def holds(config: dict[str, Any], value: Any) -> bool:
    return OPERATORS[config["operator"]](reached(value, config.get("path")), config.get("operand"))


def reached(value: Any, path: str | None) -> Any:
    """What lies at this path (`a.0.b`) of the value; None where nothing does."""
    for name in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _equals(one: Any, other: Any) -> bool:
    """As JSON means it: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equals, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equals(one[name], other[name]) for name in one)
    return bool(one == other)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    return isinstance(whole, list) and any(_equals(item, part) for item in whole)


def _matches(text: Any, pattern: Any) -> bool:
    """Without backtracking, so that no pattern takes longer than the text is long; `*` and `?` alone are special."""
    return isinstance(text, str) and re.fullmatch(translate(pattern.replace("[", "[[]")), text) is not None


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers with numbers and texts with texts; nothing else has an order."""

    def is_so(one: Any, other: Any) -> bool:
        kind = _ordered_kind(one)
        return kind is not None and kind == _ordered_kind(other) and compare(one, other)

    return is_so


def _ordered_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_empty(value: Any, nothing: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {"greater": gt, "atLeast": ge, "less": lt, "atMost": le}
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _equals,
    "notEquals": lambda one, other: not _equals(one, other),
    **{name: _ordered(compare) for name, compare in _ORDERS.items()},
    "contains": _contains,
    "matches": _matches,
    "isEmpty": _is_empty,
    "isNotEmpty": lambda value, nothing: not _is_empty(value, nothing),
}
_ALONE = {"isEmpty", "isNotEmpty"}


def operand_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    operator, operand = config["operator"], config.get("operand")
    if operator in _ALONE and "operand" in config:
        yield f"config.operand: '{operator}' takes none"
    elif operator not in _ALONE and "operand" not in config:
        yield f"config.operand: '{operator}' needs one"
    elif operator in _ORDERS and _ordered_kind(operand) is None:
        yield f"config.operand: '{operator}' compares with a number or a text"
    elif operator == "matches" and not (isinstance(operand, str) and len(operand) <= LONGEST_PATTERN):
        yield f"config.operand: 'matches' needs a pattern of at most {LONGEST_PATTERN} characters"


KIND = NodeKind(
    kind="condition",
    title="Condition",
    description="Hands a value on one way where the condition holds, and the other way where it does not.",
    inputs=(Port("value", ANY),),
    outputs=(Port("then", ANY), Port("else", ANY)),
    config_schema=settings(
        {
            "operator": {"enum": list(OPERATORS), "title": "Operator"},
            "operand": {"title": "Compared with", "description": "For 'matches' a pattern: * any text, ? any sign."},
            "path": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "title": "Path",
                "description": "The part of the value that is looked at, as a.0.b; the whole when left out.",
            },
        },
        "operator",
    ),
    run=run,
    pure=True,
    further_problems=operand_problems,
)
