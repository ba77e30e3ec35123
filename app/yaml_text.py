"""YAML of plain values: objects, lists and prose as blocks, the rest as JSON, which YAML 1.2 reads as it is."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_PLAIN_KEY = re.compile(r"[A-Za-z$][A-Za-z0-9$-]*")
_MEANT_OTHERWISE = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # by readers of YAML 1.1


def as_yaml(value: Mapping[str, Any]) -> str:
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, member in value.items():
            yield from _entry(f"{_key(key)}:", member)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from _indented(rest)
    else:
        yield json.dumps(value, ensure_ascii=False)


def _entry(name: str, member: Any) -> Iterator[str]:
    if isinstance(member, Mapping | list | tuple) and member:
        yield name
        yield from _indented(_lines(member))
    elif isinstance(member, str) and _is_prose(member):
        yield f"{name} |"
        yield from _indented(member.splitlines())
    else:
        yield f"{name} {json.dumps(member, ensure_ascii=False)}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in lines)


def _is_prose(text: str) -> bool:
    """Whether it is lines that a block keeps as they are."""
    lines = text.split("\n")
    are_plain = all(line == line.strip() and (not line or line.isprintable()) for line in lines)
    return are_plain and len(lines) > 1 and lines[0] != "" and lines[-1] == "" and lines[-2] != ""


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _MEANT_OTHERWISE else json.dumps(key)
