"""Who is on it: a person says that they work at what waits, so that nobody else does the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.forms import Claim
from domain.ids import Id
from domain.permissions import Actor
from domain.plain import rfc3339
from domain.ports import Command, Transaction
from domain.steps import Step, StepStatus
from domain.text import NAME_LENGTH, require_length
from domain.waiting import require_may_answer, step_of

DEFAULT_SECONDS = 900
LONGEST_SECONDS = 86_400


@dataclass(kw_only=True)
class ClaimWork(Command[Claim]):
    """Say that you are on a waiting step, for `seconds` (1 to 86400), or that `hand_to` is. Again: for longer."""

    id: Id
    seconds: int | None = DEFAULT_SECONDS
    hand_to: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.for_seconds <= LONGEST_SECONDS:
            raise InvalidInput(f"seconds must be 1 to {LONGEST_SECONDS:,}", field="seconds")
        if self.hand_to is not None:
            require_length(self.hand_to, "handTo", longest=NAME_LENGTH)

    @property
    def for_seconds(self) -> int:
        return DEFAULT_SECONDS if self.seconds is None else self.seconds


async def claim_work(tx: Transaction, actor: Actor, command: ClaimWork) -> Claim:
    step = await _waiting(tx, actor, command.id)
    _require_own(actor, step, tx)
    _require_may_get(command.hand_to, step)
    by, expires_at = command.hand_to or actor.subject, tx.now + timedelta(seconds=command.for_seconds)
    claim = Claim(by=by, since=_since(step, by, tx.now), expires_at=expires_at)
    _keep(tx, step, claim)
    return claim


def _require_may_get(hand_to: str | None, step: Step) -> None:
    """Whoever could not answer would only keep out the one who is asked."""
    asked = step.form.question.assignee if step.form else None
    if hand_to is not None and asked not in {None, hand_to}:
        raise InvalidInput(f"{asked} alone is asked: this cannot be handed to anybody else", field="handTo")


def _since(step: Step, by: str, now: datetime) -> datetime:
    """Since when they are on it without a break."""
    claim = step.claim
    return claim.since if claim is not None and claim.by == by and claim.expires_at > now else now


@dataclass(kw_only=True)
class ReleaseClaim(Command[None]):
    """Say that you are no longer on it."""

    id: Id


async def release_claim(tx: Transaction, actor: Actor, command: ReleaseClaim) -> None:
    step = await _waiting(tx, actor, command.id)
    _require_own(actor, step, tx)
    if step.claim is not None:
        _keep(tx, step, None)


async def _waiting(tx: Transaction, actor: Actor, id: Id) -> Step:
    _, step = await step_of(tx, id)
    if step.status is not StepStatus.WAITING:
        raise DomainError(ErrorCode.STEP_NOT_WAITING, "This step waits for nobody")
    require_may_answer(actor, step)
    return step


def _require_own(actor: Actor, step: Step, tx: Transaction) -> None:
    claim = step.claim
    if claim is not None and claim.keeps_out(actor.subject, tx.now) and not actor.owns(step.project_id):
        raise DomainError(ErrorCode.CONFLICT, f"{claim.by} is on it until {rfc3339(claim.expires_at)}")


def _keep(tx: Transaction, step: Step, claim: Claim | None) -> None:
    step.claim = claim
    tx.record(step.changed())
    tx.save(step)
