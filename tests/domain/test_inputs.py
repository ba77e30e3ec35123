"""`input`: the values that whoever starts a run gives."""

from typing import Any

import pytest

from domain.errors import InvalidInput
from domain.kinds.input_value import checked_inputs
from domain.problems import problems
from tests.domain.building import graph, node


def given(value: Any, **config: Any) -> Any:
    """What the run starts with where this value is given for an input of this config."""
    return checked_inputs([{"name": "words", **config}], {"words": value})["words"]


@pytest.mark.parametrize(
    ("type_", "value"),
    [("text", "a kite"), ("number", 1), ("number", -0.5), ("boolean", False), ("json", [{"a": None}]), ("json", "")],
)
def test_a_value_of_its_type_is_taken_as_it_is(type_: str, value: object) -> None:
    assert given(value, type=type_) == value


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", 1), ("text", ["a"]), ("text", {}), ("text", True),
        ("number", "1"), ("number", True), ("number", [1]),
        ("boolean", 1), ("boolean", "true"), ("boolean", 0),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(type_: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"inputs.words must be a {type_}") as refused:
        given(value, type=type_)
    assert refused.value.details["field"] == "inputs.words"


def test_an_empty_text_is_refused_where_one_is_needed() -> None:
    for blank in ("", "  \n"):
        with pytest.raises(InvalidInput, match=r"inputs\.words must not be empty"):
            given(blank)
    assert given("", required=False) == ""
    assert given("", default="a kite") == ""


@pytest.mark.parametrize(("longest", "limit"), [({}, "4,000"), ({"maxLength": 32_000}, "32,000")])
def test_a_text_of_100_000_characters_is_refused(longest: dict[str, int], limit: str) -> None:
    with pytest.raises(InvalidInput, match=f"has 100,000 characters; {limit} is the most"):
        given("x" * 100_000, **longest)


def test_a_text_may_be_as_long_as_its_limit() -> None:
    assert given("é" * 4_000)
    assert given("x" * 5, maxLength=5)


@pytest.mark.parametrize("value", ["\x00", "\ud800", float("nan"), [[float("inf")]]])
def test_a_value_that_cannot_be_kept_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        given(value, type="json")


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput, match="'wrods' is not an input of this workflow; it has: words") as refused:
        checked_inputs([{"name": "words"}], {"words": "a", "wrods": "b"})
    assert refused.value.details["field"] == "inputs.wrods"


def test_a_workflow_without_inputs_takes_none() -> None:
    assert checked_inputs([], {}) == {}
    with pytest.raises(InvalidInput, match="it has: none"):
        checked_inputs([], {"words": 1})


def test_a_value_that_is_needed_must_be_given() -> None:
    for missing in ({}, {"words": None}):
        with pytest.raises(InvalidInput, match=r"inputs\.words is required"):
            checked_inputs([{"name": "words"}], missing)


def test_a_default_stands_in_for_what_is_not_given() -> None:
    assert given(None, default="a kite") == "a kite"
    assert given(None, required=False) is None
    assert given(None, type="boolean", default=False) is False
    assert given("a fox", default="a kite") == "a fox"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"type": "number", "default": "1"}, "config.default must be a number"),
        ({"type": "number", "default": True}, "config.default must be a number"),
        ({"type": "boolean", "default": 0}, "config.default must be a boolean"),
        ({"default": 5}, "config.default must be a text"),
        ({"default": "too long", "maxLength": 3}, "config.default has 8 characters"),
    ],
)
def test_a_default_of_the_wrong_type_is_a_problem_of_its_node(config: dict[str, object], said: str) -> None:
    (problem,) = problems(graph(node("a", "input", name="words", **config)))
    assert (problem.code, problem.node_id) == ("INVALID_CONFIG", "a")
    assert problem.message.startswith(said)


@pytest.mark.parametrize("name", ["", "1st", "a b", "a\n", "é", "a" * 65, None, 5, ["a"]])
def test_a_name_of_another_form_is_a_problem_of_its_node(name: object) -> None:
    (problem,) = problems(graph(node("a", "input", name=name)))
    assert problem.message.startswith("config.name: ")
