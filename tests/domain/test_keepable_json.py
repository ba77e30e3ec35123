"""JSON that callers send to be kept: settings, metadata, inputs, the config of nodes."""

import json

import pytest
from hypothesis import given

from domain.errors import InvalidInput
from domain.plain import JSON_BYTES, JSON_DEPTH, require_json, require_json_object
from tests.domain.building import ANY_JSON


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", ["x" * (JSON_BYTES - 1), "é" * (JSON_BYTES // 2), [1] * 10_000, {"x" * JSON_BYTES: 1}]
)
def test_more_than_64_kib_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="metadata is larger than 64 KiB"):
        require_json(value, "metadata")


def test_64_kib_are_kept() -> None:
    assert require_json("x" * (JSON_BYTES - 2), "metadata")


def test_what_is_nested_too_deep_is_refused() -> None:
    assert require_json(nested(JSON_DEPTH), "content")
    for depth in (JSON_DEPTH + 1, 100_000):
        with pytest.raises(InvalidInput, match="nested more than 32 levels"):
            require_json(nested(depth), "content")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    with pytest.raises(InvalidInput, match="NaN or infinity"):
        require_json({"a": [value]}, "inputs")


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "a\udc00b"])
def test_text_that_no_database_keeps_is_refused_as_key_and_as_value(text: str) -> None:
    for value in ({"a": text}, {text: "a"}, [[text]]):
        with pytest.raises(InvalidInput, match="NUL characters or half surrogate pairs"):
            require_json(value, "settings")


@pytest.mark.parametrize("value", [None, [], "", 0, False, "{}"])
def test_an_object_is_asked_for_and_nothing_like_it(value: object) -> None:
    with pytest.raises(InvalidInput, match="settings must be a JSON object"):
        require_json_object(value, "settings")


def test_the_refusal_names_the_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        require_json("\x00", "inputs.words")
    assert refused.value.extensions == {"code": "VALIDATION_ERROR", "field": "inputs.words"}


@given(ANY_JSON)
def test_what_is_let_in_can_be_written_as_utf8_json(value: object) -> None:
    try:
        require_json(value, "content")
    except InvalidInput:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
