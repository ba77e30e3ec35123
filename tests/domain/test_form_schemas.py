"""
Forms are written by those who write workflows, and answered by those who may.

Most of these tests would not end within their limit, or not fit into memory, if what is refused were tried.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.form_schemas import require_values, schema_problems
from domain.plain import require_json_object
from tests.domain.building import ANY_JSON, refusal


def with_field(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


def doubled(times: int) -> dict[str, Any]:
    """Each definition asks for the next one twice."""
    steps = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(times)}
    return {"type": "object", "$defs": {**steps, f"d{times}": {}}, "$ref": "#/$defs/d0"}


def nested(times: int) -> dict[str, Any]:
    """Each level has to be looked at three times for each look at the one above."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(times):
        schema = {"if": {"unevaluatedItems": schema}, "then": {"unevaluatedItems": True}, "unevaluatedItems": False}
    return with_field(schema)


@pytest.mark.parametrize(
    "schema",
    [
        doubled(60),
        nested(15),
        with_field({"allOf": [True] * 2_000}),
        with_field({"$ref": "http://127.0.0.1:1/x"}),
        with_field({"$ref": "file:///etc/passwd"}),
        with_field({"$ref": "#"}),
        with_field({"items": [{"$dynamicRef": "#x"}]}),
        with_field({"pattern": "((a{100}){100}){100}"}),
        with_field({"pattern": "(?=a)"}),
    ],
    ids=["doubled", "nested", "wide", "remote", "file", "itself", "dynamic", "large pattern", "looking ahead"],
)
def test_what_could_take_long_is_no_form(schema: dict[str, Any]) -> None:
    assert len(list(schema_problems(schema))) == 1


def test_a_value_may_be_called_like_a_keyword() -> None:
    assert list(schema_problems({"type": "object", "properties": {"$ref": {"type": "string"}}})) == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"allOf": [False] * 1_900}}, [0] * 8_000),
        ({"anyOf": [{"items": {"allOf": [False] * 1_900}}]}, [0] * 8_000),
        ({"allOf": [{"type": "integer"}] * 900}, "x" * 60_000),
        ({"items": {"pattern": "^((x|xx)+y)+$"}}, ["x" * 2_000] * 30),
    ],
    ids=["list", "list in one of several", "long text", "hostile pattern"],
)
def test_values_that_do_not_fit_are_refused_at_once(schema: dict[str, Any], value: Any) -> None:
    assert list(schema_problems(with_field(schema))) == []
    with pytest.raises(InvalidInput) as refused:
        require_values(with_field(schema), {"a": value})
    assert refused.value.details["field"] == "values"
    assert len(refused.value.message) < 2_000


def test_all_that_is_wrong_is_told_with_its_place() -> None:
    schema = {**with_field({"maxLength": 9}), "required": ["b"]}
    with pytest.raises(InvalidInput) as refused:
        require_values(schema, {"a": "much too long"})
    said = 'values: "b" is a required property; values.a: this is longer than 9 characters'
    assert refused.value.message == said


def test_a_format_is_for_the_eye() -> None:
    for draft in ("http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"):
        require_values({"$schema": draft, **with_field({"format": "email"})}, {"a": "ana"})


@given(st.dictionaries(st.sampled_from(["properties", "items", "required", "enum", "$id", "not", "x"]), ANY_JSON))
def test_any_form_is_understood_or_refused(schema: dict[str, Any]) -> None:
    form = {**schema, "type": "object"}
    if refusal(lambda: require_json_object(form, "form")) is None and not list(schema_problems(form)):
        assert isinstance(refusal(lambda: require_values(form, {"a": 1})), InvalidInput | None)
