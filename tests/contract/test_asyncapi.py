"""The AsyncAPI document: its snapshot, and that it says what the code does."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from app.asyncapi import asyncapi_document, asyncapi_text
from app.yaml_text import as_yaml
from domain.events import EVENTS
from streams.envelope.schema import CLOSES, SAID, TOLD, TOO_LARGE
from streams.sockets.closing import CloseCode

ROOT = Path(__file__).parents[2]
MESSAGES = {**SAID, **TOLD}


def test_the_snapshot_is_the_document() -> None:
    written = (ROOT / "docs" / "asyncapi.yaml").read_text()
    assert written == asyncapi_text(), "the messages have changed: run ./easel asyncapi, look it over"


@pytest.mark.parametrize("name", MESSAGES)
def test_the_example_of_a_message_is_one(name: str) -> None:
    one = MESSAGES[name]
    jsonschema_rs.validator_for(one.schema, validate_formats=True).validate(one.example)


def test_a_message_has_one_name_and_is_answered_by_others() -> None:
    assert not SAID.keys() & TOLD.keys()
    assert {answer for one in SAID.values() for answer in one.answers} <= TOLD.keys()


def test_every_event_is_told_and_every_code_that_closes() -> None:
    told = {name for one in TOLD.values() for name in one.schema["properties"].get("event", {}).get("enum", [])}
    assert told > set(EVENTS)
    assert set(CLOSES) == {*CloseCode, TOO_LARGE}
    page = (ROOT / "docs" / "live.md").read_text()
    assert [code for code in CLOSES if f"| {int(code)} |" not in page] == []


def test_every_member_has_a_meaning() -> None:
    assert [name for one in MESSAGES.values() for name in _silent(one.schema, "")] == []


def _silent(schema: dict[str, Any], path: str) -> list[str]:
    found = []
    for name, member in schema.get("properties", {}).items():
        nested = member.get("items", member)
        if "description" not in member and "const" not in member and "properties" not in nested:
            found.append(f"{path}{name}")
        found += _silent(nested, f"{path}{name}.")
    return found


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://127.0.0.1:8000", {"host": "127.0.0.1:8000", "protocol": "ws"}),
        ("https://studio.example", {"host": "studio.example", "protocol": "wss"}),
        ("https://a.example/easel", {"host": "a.example", "pathname": "/easel", "protocol": "wss"}),
    ],
)
def test_the_server_is_where_the_outside_reaches_it(url: str, server: dict[str, str]) -> None:
    assert server.items() <= asyncapi_document(url)["servers"]["here"].items()


def test_what_yaml_would_take_for_something_else_is_quoted() -> None:
    value = {"on": "off", "4401": [], "a: b": {"x": [[1, None], {"y": "# no\n"}]}, "text": "two\n\nlines\n", "$ref": ""}
    assert as_yaml(value) == (
        '"on": "off"\n"4401": []\n"a: b":\n  x:\n    - - 1\n      - null\n    - "y": |\n        # no\n'
        'text: |\n  two\n\n  lines\n$ref: ""\n'
    )
