"""What a person is asked while a step waits, and what they answer."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Any

from domain.errors import InvalidInput
from domain.form_schemas import require_values
from domain.ids import Id
from domain.plain import require_json_object

APPROVE, REJECT = "approve", "reject"


class OnTimeout(StrEnum):
    """What happens when nobody has answered in time."""

    FAIL = "fail"
    APPROVE = "approve"
    REJECT = "reject"
    REASSIGN = "reassign"


class Purpose(StrEnum):
    """Why a person is asked: because the workflow says so, or because the engine must not decide alone."""

    REVIEW = "review"
    OUTCOME_UNKNOWN = "outcome unknown"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What to ask a person. `schema` is the JSON Schema of the values to fill in.

    `candidates` are images to choose `fewest` to `most` of. `assignee` is the one who is asked; anyone who may answer
    where it is None. After `due_seconds` what `on_timeout` says happens; `reassign_to` is asked next.
    """

    title: str
    instructions: str | None = None
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "object", "additionalProperties": False})
    decisions: tuple[str, ...] = (APPROVE, REJECT)
    candidates: tuple[Id, ...] = ()
    fewest: int = 0
    most: int = 0
    assignee: str | None = None
    due_seconds: float | None = None
    on_timeout: OnTimeout = OnTimeout.FAIL
    reassign_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was decided, the values filled in, the images chosen, by whom (None: nobody in time) and when."""

    decision: str
    values: dict[str, Any] = field(default_factory=dict)
    chosen: tuple[Id, ...] = ()
    by: str | None = None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A question that was put. Each time it is put it has another token, and its answer must bring that one."""

    purpose: Purpose
    question: Question
    token: str = field(default_factory=lambda: token_urlsafe(24), repr=False)
    answer: Answer | None = None

    def due_at(self, now: datetime) -> datetime | None:
        seconds = self.question.due_seconds
        return None if seconds is None else now + timedelta(seconds=seconds)

    def has_token(self, token: str) -> bool:
        return compare_digest(self.token.encode(), token.encode(errors="replace"))

    def answered(self, answer: Answer) -> "Form":
        return replace(self, answer=answer)

    def reassigned(self) -> "Form":
        """The same question put to whoever is next; when that one does not answer either, it fails."""
        question = replace(self.question, assignee=self.question.reassign_to, on_timeout=OnTimeout.FAIL)
        return Form(purpose=self.purpose, question=question)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who is on it, so that two people do not do the same; it ends by itself."""

    by: str
    since: datetime
    expires_at: datetime

    def keeps_out(self, subject: str, now: datetime) -> bool:
        return self.by != subject and self.expires_at > now


def require_answer(question: Question, answer: Answer) -> None:
    """Refuses an answer that is none to this question, saying what is wrong with it."""
    if answer.decision not in question.decisions:
        raise InvalidInput(f"decision must be one of: {', '.join(question.decisions)}", field="decision")
    _require_candidates(question, answer.chosen)
    if answer.decision != REJECT:
        _require_count(question, len(answer.chosen))
        require_values(question.schema, require_json_object(answer.values, "values"))


def _require_candidates(question: Question, chosen: tuple[Id, ...]) -> None:
    known = set(question.candidates)
    if foreign := [id_ for id_ in chosen if id_ not in known]:
        raise InvalidInput(f"'{foreign[0][:80]}' is none of the candidates", field="chosenImageIds")
    if len(set(chosen)) != len(chosen):
        raise InvalidInput("No candidate can be chosen twice", field="chosenImageIds")


def _require_count(question: Question, count: int) -> None:
    fewest, most = question.fewest, max(question.fewest, question.most)
    if not fewest <= count <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise InvalidInput(f"Choose {wanted} of the candidates", field="chosenImageIds")
