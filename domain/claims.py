"""Who is on it: a person says that they work at a step or a shot that waits, so that nobody else does the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.forms import Claim
from domain.ids import Id
from domain.permissions import Actor
from domain.plain import rfc3339
from domain.ports import Command, Transaction
from domain.shots.commands import to_change
from domain.shots.shot import Shot, ShotStatus
from domain.steps import Step, StepStatus
from domain.text import NAME_LENGTH, require_length
from domain.waiting import require_may_answer, step_of

DEFAULT_SECONDS = 900
LONGEST_SECONDS = 86_400
Work = Step | Shot


@dataclass(kw_only=True)
class ClaimWork(Command[Claim]):
    """Say that you are on a step or shot that waits, for `seconds` (1 to 86400), or that `hand_to` is."""

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
    work = await _waiting(tx, actor, command.id)
    _require_own(actor, work, tx)
    if isinstance(work, Step):
        _require_may_get(command.hand_to, work)
    by, expires_at = command.hand_to or actor.subject, tx.now + timedelta(seconds=command.for_seconds)
    claim = Claim(by=by, since=_since(work, by, tx.now), expires_at=expires_at)
    _keep(tx, work, claim)
    return claim


def _require_may_get(hand_to: str | None, step: Step) -> None:
    """Whoever could not answer would only keep out the one who is asked."""
    asked = step.form.question.assignee if step.form else None
    if hand_to is not None and asked not in {None, hand_to}:
        raise InvalidInput(f"{asked} alone is asked: this cannot be handed to anybody else", field="handTo")


def _since(work: Work, by: str, now: datetime) -> datetime:
    """Since when they are on it without a break."""
    claim = work.claim
    return claim.since if claim is not None and claim.by == by and claim.expires_at > now else now


@dataclass(kw_only=True)
class ReleaseClaim(Command[None]):
    """Say that you are no longer on it."""

    id: Id


async def release_claim(tx: Transaction, actor: Actor, command: ReleaseClaim) -> None:
    work = await _waiting(tx, actor, command.id)
    _require_own(actor, work, tx)
    if work.claim is not None:
        _keep(tx, work, None)


async def _waiting(tx: Transaction, actor: Actor, id: Id) -> Work:
    """The step or the shot, this transaction's to change. Raises STEP_NOT_WAITING; NOT_FOUND where it is neither."""
    try:
        _, step = await step_of(tx, id)
    except DomainError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return await _waiting_shot(tx, id, error)
    if step.status is not StepStatus.WAITING:
        raise DomainError(ErrorCode.STEP_NOT_WAITING, "This step waits for nobody")
    require_may_answer(actor, step)
    return step


async def _waiting_shot(tx: Transaction, id: Id, no_step: DomainError) -> Shot:
    try:
        _, shot = await to_change(tx, id)
    except DomainError as error:
        raise (no_step if error.code is ErrorCode.SHOT_NOT_FOUND else error) from None
    if shot.status is not ShotStatus.WAITING:
        raise DomainError(ErrorCode.STEP_NOT_WAITING, f"{shot.label} waits for nobody's picture")
    return shot


def _require_own(actor: Actor, work: Work, tx: Transaction) -> None:
    claim = work.claim
    if claim is not None and claim.keeps_out(actor.subject, tx.now) and not actor.owns(work.project_id):
        raise DomainError(ErrorCode.CONFLICT, f"{claim.by} is on it until {rfc3339(claim.expires_at)}")


def _keep(tx: Transaction, work: Work, claim: Claim | None) -> None:
    work.claim = claim
    tx.record(work.changed())
    tx.save(work)
