"""`condition`: what holds of which values, and which way they go on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kinds.condition import OPERATORS, holds, operand_problems
from domain.kinds.kind import StepResult
from tests.domain.bench import done, told
from tests.domain.building import ANY_JSON


@pytest.mark.parametrize(
    ("operator", "operand", "true_of", "false_of"),
    [
        ("equals", 1, [1, 1.0], [True, "1", [1], None]),
        ("equals", True, [True], [1, "true"]),
        ("equals", {"a": [1, None]}, [{"a": [1.0, None]}], [{"a": [True, None]}, {"a": [1]}, {}]),
        ("equals", None, [None], [0, "", False, []]),
        ("notEquals", "a", ["b", 1, None], ["a"]),
        ("greater", 2, [3, 2.5], [2, 1, "3", True, None, [3]]),
        ("atLeast", 2, [2, 2.0, 3], [1, "2"]),
        ("less", "b", ["a", ""], ["b", "c", 0, None]),
        ("atMost", "b", ["a", "b"], ["c", 1]),
        ("contains", "fox", ["a fox", ["fox"]], ["a Fox", ["a fox"], {"fox": 1}, None, 5]),
        ("contains", 1, [[1], [1.0]], [[True], "1", 1]),
        ("matches", "A *fox?", ["A fox!", "A red\nfox."], ["A fox", "a fox!", " A fox!", None, 5, ["A fox!"]]),
        ("matches", "[a]*", ["[a]", "[a]b"], ["a", "ab"]),
        ("matches", "*", ["", "\n"], [None, 0]),
    ],
)
def test_a_comparison_holds_of_these_and_not_of_those(
    operator: str, operand: Any, true_of: list[Any], false_of: list[Any]
) -> None:
    config = {"operator": operator, "operand": operand}
    assert [value for value in true_of if not holds(config, value)] == []
    assert [value for value in false_of if holds(config, value)] == []


def test_nothing_is_empty_but_nothings() -> None:
    empty: list[Any] = [None, "", [], {}]
    full: list[Any] = [0, False, " ", [None], {"a": None}]
    assert [value for value in empty + full if holds({"operator": "isEmpty"}, value)] == empty
    assert [value for value in empty + full if holds({"operator": "isNotEmpty"}, value)] == full


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.0.b", "x"), ("a.1", None), ("a.-1", None), ("a.0.b.0", None), ("a.²", None), ("c", None), ("a.", None),
     ("a." + "9" * 190, None), ("a.00.b", "x"), ("..", None)],
)  # fmt: skip
def test_a_path_leads_into_the_value(path: str, found: Any) -> None:
    config = {"operator": "equals", "operand": found, "path": path}
    assert holds(config, {"a": [{"b": "x"}]})


async def test_the_whole_value_goes_on_one_way_alone() -> None:
    config = {"operator": "greater", "operand": 3, "path": "score"}
    for score, way in ((4, "then"), (3, "else"), (None, "else")):
        result = await done("condition", config=config, inputs={"value": {"score": score}})
        assert result == StepResult(outputs={way: {"score": score}})


@pytest.mark.parametrize("pattern", ["*a" * 100, "*" + "?" * 198 + "b", "*" + "a" * 198 + "b", "?*" * 99 + "b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """The test would not end within its limit if the text were tried again from each of its places."""
    assert holds({"operator": "matches", "operand": pattern}, "a" * 60_000) is pattern.endswith("a")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"operator": "equals"}, "config.operand: 'equals' needs one"),
        ({"operator": "isEmpty", "operand": None}, "config.operand: 'isEmpty' takes none"),
        ({"operator": "greater", "operand": [1]}, "config.operand: 'greater' compares with a number or a text"),
        ({"operator": "atMost", "operand": True}, "config.operand: 'atMost' compares with a number or a text"),
        ({"operator": "matches", "operand": 5}, "config.operand: 'matches' needs a pattern"),
        ({"operator": "matches", "operand": "*" * 201}, "config.operand: 'matches' needs a pattern"),
        ({"operator": "is", "operand": 5}, "config.operator: "),
        ({"operator": "equals", "operand": 5, "path": ""}, "config.path: "),
        ({"operand": 5}, "config: "),
    ],
)
def test_a_comparison_that_cannot_be_made_is_a_problem(config: dict[str, Any], said: str) -> None:
    (problem,) = told("condition", **config)
    assert problem.startswith(said)


def test_nothing_is_a_value_to_compare_with() -> None:
    assert told("condition", operator="equals", operand=None) == []


@given(st.sampled_from(list(OPERATORS)), ANY_JSON, ANY_JSON, st.none() | st.text(max_size=9))
def test_any_value_goes_one_way(operator: str, operand: Any, value: Any, path: str | None) -> None:
    config = {"operator": operator, "operand": operand, "path": path}
    if not list(operand_problems(config, ())):
        assert holds(config, value) in {True, False}
