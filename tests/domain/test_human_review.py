"""`human_review`: what a person is asked, and what goes on when they have answered."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.forms import Answer, OnTimeout, Question, require_answer
from domain.ids import Id, new_id
from domain.kinds.human_review import KIND, question_of
from domain.kinds.kind import Answered
from tests.domain.bench import done, told

FORM = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 9}, "mark": {"type": "integer", "minimum": 1}, "any": True},
    "required": ["mark"],
}
REVIEW = {"title": "Pick one"}


def images(count: int) -> list[dict[str, Any]]:
    return [{"imageId": new_id(), "fileHash": f"hash {number}"} for number in range(count)]


def ids(of: list[dict[str, Any]]) -> tuple[Id, ...]:
    return tuple(image["imageId"] for image in of)


def concluded(config: dict[str, Any], inputs: dict[str, Any], decision: str = "approve", **said: Any) -> dict[str, Any]:
    """What goes on after this answer, which must be one to the question."""
    answer = Answer(**{"decision": decision, "by": "ana", "at": datetime.now(UTC), **said})
    require_answer(question_of({**REVIEW, **config}, inputs), answer)
    return KIND.conclude(Answered({**REVIEW, **config}, inputs, answer)).outputs


async def test_a_person_is_asked_what_the_settings_say() -> None:
    candidates = images(3)
    config = {
        **REVIEW, "instructions": "Look twice", "choose": {"fewest": 1, "most": 2}, "form": FORM,
        "assignee": "ana", "dueSeconds": 60, "onTimeout": "reassign", "reassignTo": "ben",
    }  # fmt: skip
    assert await done("human_review", config=config, inputs={"candidates": candidates}) == Question(
        title="Pick one",
        instructions="Look twice",
        schema=FORM,
        candidates=ids(candidates),
        fewest=1,
        most=2,
        assignee="ana",
        due_seconds=60,
        on_timeout=OnTimeout.REASSIGN,
        reassign_to="ben",
    )


def test_the_shortest_question_is_a_title() -> None:
    assert question_of(REVIEW, {}) == Question(title="Pick one")


@pytest.mark.parametrize(
    ("choose", "bounds"), [({}, (1, 1)), ({"fewest": 2}, (2, 2)), ({"most": 4}, (1, 4)), (None, (0, 0))]
)
def test_one_is_chosen_where_it_is_not_said_how_many(choose: Any, bounds: tuple[int, int]) -> None:
    question = question_of(REVIEW if choose is None else {**REVIEW, "choose": choose}, {"candidates": images(4)})
    assert (question.fewest, question.most) == bounds


def test_what_flows_in_stands_in_the_form() -> None:
    question = question_of({**REVIEW, "form": FORM}, {"text": "a fox", "values": {"mark": 3, "any": 1, "more": 1}})
    assert question.schema["properties"] == {
        "text": {"type": "string", "maxLength": 9, "default": "a fox"},
        "mark": {"type": "integer", "minimum": 1, "default": 3},
        "any": True,
    }
    assert question.instructions is None
    assert "default" not in str(FORM)


def test_a_text_without_a_place_in_the_form_is_shown() -> None:
    assert question_of({**REVIEW, "instructions": "Is it true?"}, {"text": "A fox."}).instructions == (
        "Is it true?\n\nA fox."
    )


def test_an_image_that_came_twice_is_one_candidate() -> None:
    (image,) = images(1)
    assert question_of(REVIEW, {"candidates": [image, dict(image)]}).candidates == ids([image])


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"candidates": images(1)}, "1 images came in to choose from: 2 to 1,000 are needed"),
        ({}, "0 images came in"),
        ({"candidates": images(1_001)}, "1,001 images came in"),
        ({"candidates": [5, *images(2)]}, r"inputs\.candidates must be an image"),
        ({"candidates": images(2), "values": [1]}, "must be a JSON object"),
    ],
)
def test_what_nobody_could_answer_is_not_asked(inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        question_of({**REVIEW, "choose": {"fewest": 2}}, inputs)


def test_the_chosen_go_on_in_the_order_of_the_choice_as_they_came() -> None:
    one, two, three = candidates = images(3)
    outputs = concluded({"choose": {"most": 2}}, {"candidates": candidates}, chosen=ids([three, one]))
    assert outputs == {"decision": "approve", "values": {}, "image": three, "images": [three, one]}
    assert two not in outputs["images"]


def test_without_a_choice_all_go_on() -> None:
    candidates = images(2)
    outputs = concluded({}, {"candidates": candidates})
    assert (outputs["image"], outputs["images"]) == (candidates[0], candidates)


def test_what_did_not_come_in_does_not_go_out() -> None:
    assert concluded({}, {}) == {"decision": "approve", "values": {}}
    assert concluded({}, {"candidates": []}) == {"decision": "approve", "values": {}, "images": []}


def test_a_text_goes_on_as_it_was_edited() -> None:
    inputs = {"text": "a fox", "values": {"mark": 1, "more": 2}}
    assert concluded({"form": FORM}, inputs, values={"mark": 5, "text": "a cat"}) == {
        "decision": "approve", "text": "a cat", "values": {"mark": 5, "text": "a cat", "more": 2},
    }  # fmt: skip
    assert concluded({"form": FORM}, inputs, values={"mark": 5})["text"] == "a fox"


@pytest.mark.parametrize(
    ("by", "comment", "said"),
    [
        ("ana", "too dark", "'Pick one' was rejected by ana: too dark"),
        ("ana", None, "'Pick one' was rejected by ana"),
        ("ana", "  ", "'Pick one' was rejected by ana"),
        (None, None, "'Pick one' was rejected as nobody answered in time"),
        ("ana", "x" * 5_000, f"'Pick one' was rejected by ana: {'x' * 1_000}"),
    ],
)
def test_a_refusal_fails_with_who_and_why(by: str | None, comment: str | None, said: str) -> None:
    with pytest.raises(DomainError) as refused:
        concluded({}, {"candidates": images(1)}, "reject", by=by, values={"comment": comment})
    assert (refused.value.code, refused.value.message) == (ErrorCode.STEP_REJECTED, said)


def test_a_refusal_may_go_on_as_a_decision() -> None:
    inputs = {"candidates": images(2), "text": "a fox"}
    outputs = concluded({"onReject": "continue"}, inputs, "reject", values={"comment": "too dark"})
    assert outputs == {"decision": "reject", "values": {"comment": "too dark"}}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"title": ""}, "config.title: "),
        ({"choose": {"fewest": 3, "most": 2}}, "config.choose: fewest is more than most"),
        ({"choose": {"most": 101}}, "config.choose.most: "),
        ({"choose": {"fewest": 0}}, "config.choose.fewest: "),
        ({"onTimeout": "approve"}, "config.dueSeconds: 'approve' needs"),
        ({"onTimeout": "reassign", "dueSeconds": 1}, "config.reassignTo: "),
        ({"onTimeout": "wait"}, "config.onTimeout: "),
        ({"dueSeconds": 0}, "config.dueSeconds: "),
        ({"dueSeconds": 31_536_001}, "config.dueSeconds: "),
        ({"onReject": "again"}, "config.onReject: "),
        ({"form": []}, "config.form: "),
        ({"form": {}}, "config.form.type: must be 'object'"),
        ({"form": {"type": ["object"]}}, "config.form.type: must be 'object'"),
        ({"form": {"type": "object", "properties": {"a": {"type": "txt"}}}}, "config.form.properties.a.type: "),
        ({"form": {"type": "object", "properties": {"a": {"pattern": "("}}}}, "config.form.properties.a.pattern: "),
        ({"form": {"type": "object", "$schema": "http://127.0.0.1:1/x"}}, "config.form: "),
        ({"form": {"type": "object", "$schema": "file:///etc/passwd"}}, "config.form: "),
        ({"form": {"type": "object", "$id": "%"}}, "config.form: "),
    ],
)
def test_a_question_that_cannot_be_put_is_a_problem(config: dict[str, Any], said: str) -> None:
    (problem,) = told("human_review", **{**REVIEW, **config})
    assert problem.startswith(said)


def test_a_question_that_can_be_put_is_none() -> None:
    assert told("human_review", **REVIEW, form=FORM, onTimeout="fail", choose={"most": 100}) == []
