"""`prompt`: texts written from templates."""

import pytest

from domain.errors import InvalidInput
from domain.kinds.prompt import written
from domain.problems import problems
from tests.domain.building import graph, node


def test_names_become_values() -> None:
    assert (
        written("A {{colour}} kite over {{ place }}", {"colour": "red", "place": "the sea"})
        == "A red kite over the sea"
    )


def test_what_a_value_holds_is_never_a_placeholder() -> None:
    assert written("{{a}}{{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}}{{a}}"
    assert written("{{a}}{{b}}", {"a": "{{", "b": "a}}"}) == "{{a}}"


def test_a_text_that_would_fill_the_memory_is_refused_before_it_is_written() -> None:
    with pytest.raises(InvalidInput, match="longer than 32,000"):
        written("{{a}}" * 2_000, {"a": "x" * 4_000})


@pytest.mark.parametrize("value", ["\\1", "\\g<0>", "$1", "%s", "{0}", "{}"])
def test_a_value_means_itself(value: str) -> None:
    assert written("<{{a}}>", {"a": value}) == f"<{value}>"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "true"), (2, "2"), (0.5, "0.5"), ({"a": ["é"]}, '{"a": ["é"]}')]
)
def test_a_value_that_is_no_text_is_written_as_json(value: object, text: str) -> None:
    assert written("{{a}}", {"a": value}) == text


def test_a_name_without_a_value_is_written_as_nothing() -> None:
    assert written("A kite{{more}}", {}) == "A kite"


@pytest.mark.parametrize("template", ["{a}", "{{a", "a}}", "{{{a}", "{{a{{b", "{ {a} }"])
def test_what_only_looks_like_a_placeholder_stays(template: str) -> None:
    assert written(template, {"a": "x"}) == template


@pytest.mark.parametrize("template", ["{{" + " " * 15_000 + "{", "{{" * 8_000, "{{ " * 5_000 + "}}"])
def test_a_hostile_template_is_read_once(template: str) -> None:
    """The test would not end within its limit if each blank were tried against each other one."""
    assert written(template, {}) == template.removesuffix("{{ }}")


def test_a_name_that_no_input_has_is_told_with_those_that_there_are() -> None:
    words = node("words", "input", name="words")
    (problem,) = problems(graph(words, node("a", "prompt", template="{{words}} {{text}} {{place}} {{place}}")))
    assert (problem.code, problem.node_id) == ("INVALID_CONFIG", "a")
    assert problem.message == "config.template: '{{place}}' names no input; known: text, words"


@pytest.mark.parametrize("template", ["", "x" * 16_001, 5, None])
def test_a_template_is_a_text_of_a_length(template: object) -> None:
    (problem,) = problems(graph(node("a", "prompt", template=template)))
    assert problem.message.startswith("config.template: ")
