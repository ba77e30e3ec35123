"""How people answer what a step asks, and what happens when nobody does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from domain import budgets
from domain.advancing import complete, give_up, keep, settle
from domain.asking import RETRY, put
from domain.errors import DomainError, ErrorCode
from domain.form_schemas import defaults_of
from domain.forms import APPROVE, REJECT, Answer, Form, OnTimeout, Purpose, require_answer
from domain.ids import Id
from domain.kinds import KINDS
from domain.kinds.kind import Answered
from domain.permissions import Actor, Permission
from domain.plain import require_json_object, rfc3339
from domain.ports import Command, Transaction
from domain.runs import Run, failure
from domain.steps import Step, StepStatus


@dataclass(kw_only=True)
class SubmitStep(Command[Run]):
    """
    Answer what a waiting step asks. `token` is the one its form came with: that of an earlier pause is refused.

    The same answer once more changes nothing, until the step asks anew.
    """

    step_id: Id
    token: str = field(repr=False)
    decision: str
    values: dict[str, Any] | None = None
    chosen_image_ids: list[Id] | None = None

    def __post_init__(self) -> None:
        require_json_object({} if self.values is None else self.values, "values")


async def submit_step(tx: Transaction, actor: Actor, command: SubmitStep) -> Run:
    run, step = await step_of(tx, command.step_id)
    form = _form_of(step, command.token)
    require_may_answer(actor, step)
    if form.answer is not None:
        return _repeated(run, form.answer, command)
    if run.is_stopping:
        raise _not_waiting("The run is being stopped: it waits for nobody any more")
    _require_free(actor, step, tx)
    answer = Answer(
        decision=command.decision,
        values=command.values or {},
        chosen=tuple(command.chosen_image_ids or ()),
        by=actor.subject,
        at=tx.now,
    )
    require_answer(form.question, answer)
    await _conclude(tx, run, step, form, answer)
    await keep(tx, run)
    return run


async def step_of(tx: Transaction, id: Id) -> tuple[Run, Step]:
    """The step as it is under its run's lock."""
    run = await tx.get(Run, (await tx.get(Step, id)).run_id, lock=True)
    return run, await tx.get(Step, id)


def _form_of(step: Step, token: str) -> Form:
    """The form that came with this token, if it is open or was answered; one that ended with its step is neither."""
    form = step.form
    if form is None or not form.has_token(token) or (form.answer is None and step.status is not StepStatus.WAITING):
        raise _not_waiting("This form is no longer open: read the step again to see what it waits for")
    return form


def _repeated(run: Run, earlier: Answer, command: SubmitStep) -> Run:
    said = (command.decision, command.values or {}, tuple(command.chosen_image_ids or ()))
    if said != (earlier.decision, earlier.values, earlier.chosen):
        raise _not_waiting(f"This was answered with '{earlier.decision}' by {earlier.by or 'nobody in time'}")
    return run


def may_answer(actor: Actor, step: Step) -> bool:
    """What costs money is decided by those who may start runs; whoever is asked by name decides alone."""
    if step.form is None:
        return False
    is_review = step.form.purpose is Purpose.REVIEW
    assignee = step.form.question.assignee
    allowed = actor.may(Permission.STEPS_SUBMIT if is_review else Permission.RUNS_START, step.project_id)
    return allowed and (assignee in {None, actor.subject} or actor.owns(step.project_id))


def require_may_answer(actor: Actor, step: Step) -> None:
    if not may_answer(actor, step):
        asked = step.form.question.assignee if step.form else None
        who = f"{asked} is asked" if asked else "your role does not allow it"
        raise DomainError(ErrorCode.FORBIDDEN, f"This is not yours to answer: {who}")


def _require_free(actor: Actor, step: Step, tx: Transaction) -> None:
    claim = step.claim
    if claim is not None and claim.keeps_out(actor.subject, tx.now):
        until = rfc3339(claim.expires_at)
        raise DomainError(ErrorCode.CONFLICT, f"{claim.by} is on it until {until}: let it be handed over first")


def _not_waiting(message: str) -> DomainError:
    return DomainError(ErrorCode.STEP_NOT_WAITING, message)


async def _conclude(tx: Transaction, run: Run, step: Step, form: Form, answer: Answer) -> None:
    step.form = form.answered(answer)
    await _CONCLUSIONS[form.purpose](tx, run, step, answer)


async def _conclude_review(tx: Transaction, run: Run, step: Step, answer: Answer) -> None:
    run.steps_waiting -= 1
    try:
        result = KINDS[step.kind].conclude(Answered(step.config, step.inputs, answer))
    except DomainError as refused:
        await give_up(tx, run, step, failure(refused.code, refused.message, step))
    else:
        await complete(tx, run, step, result)


async def _conclude_unknown(tx: Transaction, run: Run, step: Step, answer: Answer) -> None:
    run.steps_waiting -= 1
    if answer.decision == RETRY:
        step.error = None
        run.retries += 1
        tx.record(step.resume(tx.now))
        tx.save(step)
        tx.enqueue(step.job())
        await settle(tx, run)
    else:
        error = step.error or failure(ErrorCode.OUTCOME_UNKNOWN, "Nobody knows what became of it", step)
        await give_up(tx, run, step, error, StepStatus.OUTCOME_UNKNOWN)


async def _conclude_budget(tx: Transaction, run: Run, step: Step, answer: Answer) -> None:
    tx.save(step)
    await budgets.conclude(tx, run, step, answer)


_CONCLUSIONS: dict[Purpose, Callable[[Transaction, Run, Step, Answer], Awaitable[None]]] = {
    Purpose.REVIEW: _conclude_review,
    Purpose.OUTCOME_UNKNOWN: _conclude_unknown,
    Purpose.BUDGET: _conclude_budget,
}


@dataclass(kw_only=True)
class TimeOutStep(Command[Run]):
    """Do what the form says happens when nobody answers in time."""

    step_id: Id


async def time_out_step(tx: Transaction, actor: Actor, command: TimeOutStep) -> Run:
    run, step = await step_of(tx, command.step_id)
    tx.belong_to(run.trace_id)
    form = step.form
    is_late = step.status is StepStatus.WAITING and step.due_at is not None and step.due_at <= tx.now
    if form is None or not is_late or run.is_stopping:
        raise DomainError(ErrorCode.CONFLICT, "The step was answered meanwhile")
    match form.question.on_timeout:
        case OnTimeout.APPROVE:
            chosen = form.question.candidates[: form.question.fewest]
            values = defaults_of(form.question.schema)
            await _decide(tx, run, step, form, Answer(decision=APPROVE, values=values, chosen=chosen, at=tx.now))
        case OnTimeout.REJECT:
            await _decide(tx, run, step, form, Answer(decision=REJECT, at=tx.now))
        case OnTimeout.REASSIGN:
            run.steps_waiting -= 1
            put(tx, run, step, form.reassigned())
        case OnTimeout.FAIL:
            await _fail(tx, run, step, form)
    await keep(tx, run)
    return run


async def _decide(tx: Transaction, run: Run, step: Step, form: Form, answer: Answer) -> None:
    """Nobody's answer; one that leaves out what the form needs is none."""
    try:
        require_answer(form.question, answer)
    except DomainError:
        await _fail(tx, run, step, form)
    else:
        await _conclude(tx, run, step, form, answer)


async def _fail(tx: Transaction, run: Run, step: Step, form: Form) -> None:
    run.steps_waiting -= 1
    unknown = form.purpose is Purpose.OUTCOME_UNKNOWN
    late = failure(ErrorCode.DEADLINE_EXCEEDED, f"Nobody answered '{form.question.title}' in time", step)
    status = StepStatus.OUTCOME_UNKNOWN if unknown else StepStatus.FAILED
    await give_up(tx, run, step, (step.error if unknown else None) or late, status)
