"""`human_review`: a person looks, chooses, fills in, and lets the run go on or not."""

from collections.abc import Collection, Iterable
from typing import Any

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.form_schemas import schema_problems
from domain.forms import REJECT, Answer, OnTimeout, Question
from domain.ids import Id
from domain.kinds.input_value import image_value
from domain.kinds.kind import Answered, NodeKind, Port, StepResult, Work, settings
from domain.text import NAME_LENGTH

MOST_CHOSEN = 100
MOST_CANDIDATES = 1_000
LONGEST_DUE_SECONDS = 31_536_000
LONGEST_COMMENT = 1_000

_NO_FORM: dict[str, Any] = {"type": "object", "additionalProperties": False}


async def run(work: Work) -> Question:
    return question_of(work.config, work.inputs)


def question_of(config: dict[str, Any], inputs: dict[str, Any]) -> Question:
    """What the person is asked; what flows in stands in the form already."""
    candidates, (fewest, most) = tuple(_candidates(inputs)), _bounds(config)
    if not fewest <= len(candidates) <= MOST_CANDIDATES:
        message = f"{len(candidates):,} images came in to choose from: {fewest:,} to {MOST_CANDIDATES:,} are needed"
        raise InvalidInput(message, field="inputs.candidates")
    return Question(
        title=config["title"],
        instructions=_instructions(config, inputs),
        schema=_filled_in(config.get("form", _NO_FORM), {**_values(inputs), **_text(inputs)}),
        candidates=candidates,
        fewest=fewest,
        most=most,
        assignee=config.get("assignee"),
        due_seconds=config.get("dueSeconds"),
        on_timeout=OnTimeout(config.get("onTimeout", OnTimeout.FAIL)),
        reassign_to=config.get("reassignTo"),
    )


def conclude(answered: Answered) -> StepResult:
    """What goes on when it was approved; a refusal is an error, or goes on as a decision alone."""
    answer, inputs = answered.answer, answered.inputs
    told = {"decision": answer.decision, "values": answer.values}
    if answer.decision == REJECT:
        if answered.config.get("onReject", "fail") == "fail":
            raise DomainError(ErrorCode.STEP_REJECTED, _refusal(answered.config["title"], answer))
        # The form was not filled in: of what came along only the reason goes on.
        return StepResult(outputs={**told, "values": {"comment": _comment(answer)}})
    values = {**_values(inputs), **answer.values}
    return StepResult(outputs={**told, **_images(inputs, answer), **_text(inputs | answer.values), "values": values})


def _candidates(inputs: dict[str, Any]) -> dict[Id, Any]:
    """What flowed in to choose from, by image id."""
    return {image_value(value, "inputs.candidates")["imageId"]: value for value in inputs.get("candidates", [])}


def _bounds(config: dict[str, Any]) -> tuple[int, int]:
    """How many may be chosen, at least and at most."""
    if "choose" not in config:
        return 0, 0
    fewest = config["choose"].get("fewest", 1)
    return fewest, config["choose"].get("most", fewest)


def _values(inputs: dict[str, Any]) -> dict[str, Any]:
    values = inputs.get("values")
    if not isinstance(values, dict | None):
        raise InvalidInput("What flows into 'values' must be a JSON object", field="inputs.values")
    return values or {}


def _text(given: dict[str, Any]) -> dict[str, Any]:
    return {"text": given["text"]} if isinstance(given.get("text"), str) else {}


def _images(inputs: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """The images chosen, in the order of the choice; all where there was none to make."""
    known = _candidates(inputs)
    images = [known[id_] for id_ in answer.chosen] if answer.chosen else list(known.values())
    several = {"images": images} if "candidates" in inputs else {}
    return {**several, "image": images[0]} if images else several


def _instructions(config: dict[str, Any], inputs: dict[str, Any]) -> str | None:
    """A text that the form has no place for is shown below the instructions."""
    has_place = "text" in config.get("form", {}).get("properties", {})
    parts = [config.get("instructions"), None if has_place else inputs.get("text")]
    return "\n\n".join(str(part) for part in parts if part) or None


def _filled_in(form: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    asked = {name: schema for name, schema in form.get("properties", {}).items() if isinstance(schema, dict)}
    known = {name: {**schema, "default": values[name]} for name, schema in asked.items() if name in values}
    return {**form, "properties": {**form["properties"], **known}} if known else form


def _comment(answer: Answer) -> str:
    return str(answer.values.get("comment") or "").strip()[:LONGEST_COMMENT]


def _refusal(title: str, answer: Answer) -> str:
    comment = _comment(answer)
    by = f"by {answer.by}" if answer.by else "as nobody answered in time"
    return f"'{title}' was rejected {by}{f': {comment}' if comment else ''}"


def question_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    fewest, most = _bounds(config)
    if fewest > most:
        yield "config.choose: fewest is more than most"
    on_timeout = config.get("onTimeout", OnTimeout.FAIL)
    if on_timeout != OnTimeout.FAIL and "dueSeconds" not in config:
        yield f"config.dueSeconds: '{on_timeout}' needs to know after how long"
    if on_timeout == OnTimeout.REASSIGN and "reassignTo" not in config:
        yield "config.reassignTo: 'reassign' needs to know to whom"
    yield from (f"config.form{problem}" for problem in schema_problems(config.get("form", _NO_FORM)))


_SUBJECT = {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH}
_COUNT = {"type": "integer", "minimum": 1, "maximum": MOST_CHOSEN}

KIND = NodeKind(
    kind="human_review",
    title="Human review",
    description="Waits for a person who approves or rejects, chooses among images, and fills in a form.",
    inputs=(
        Port("candidates", "image", required=False, list=True),
        Port("text", "text", required=False),
        Port("values", "json", required=False),
    ),
    outputs=(
        Port("image", "image"),
        Port("images", "image", list=True),
        Port("text", "text"),
        Port("values", "json"),
        Port("decision", "text"),
    ),
    config_schema=settings(
        {
            "title": {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "title": "Title"},
            "instructions": {"type": "string", "maxLength": 4_000, "title": "Instructions"},
            "choose": {
                "type": "object",
                "properties": {"fewest": _COUNT, "most": _COUNT},
                "additionalProperties": False,
                "title": "How many images to choose",
                "description": "One when fewest is left out, as many as fewest when most is; all go on without this.",
            },
            "form": {
                "type": "object",
                "title": "Form",
                "description": "The JSON Schema of the values to fill in; a property `text` is the text that came in.",
            },
            "assignee": {**_SUBJECT, "title": "Assignee", "description": "Who is asked; whoever may when left out."},
            "dueSeconds": {
                "type": "number",
                "minimum": 1,
                "maximum": LONGEST_DUE_SECONDS,
                "title": "Time to answer, in seconds",
            },
            "onTimeout": {
                "enum": [what.value for what in OnTimeout],
                "default": "fail",
                "title": "When nobody answers in time",
            },
            "reassignTo": {**_SUBJECT, "title": "Who is asked next"},
            "onReject": {
                "enum": ["fail", "continue"],
                "default": "fail",
                "title": "When it is rejected",
                "description": "fail: so does the run; continue: the decision and the values alone go on.",
            },
        },
        "title",
    ),
    run=run,
    conclude=conclude,
    further_problems=question_problems,
)
