"""Runs that may only cost so much: one that would cost more pauses and asks, it does not fail."""

from decimal import Decimal
from typing import Any

from domain import accounts
from domain.advancing import give_up, settle, wind_down
from domain.asking import RETRY, put
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.forms import Answer, Form, Purpose, Question
from domain.money import require_credits
from domain.plain import decimal_string
from domain.ports import Transaction
from domain.purposes import PURPOSES
from domain.runs import Run, failure
from domain.steps import Step, StepStatus

RAISE, CANCEL = "raise", "cancel"


async def obstacle(tx: Transaction, run: Run, step: Step, price: Decimal) -> Question | None:
    """Why the run cannot pay for a step now; None where it can, and what it takes is held."""
    if not run.can_pay(price):
        return _over_budget(run, price)
    missing = price - (run.held - run.reserved)
    if missing <= 0:
        return None
    try:
        await accounts.hold(tx, run, missing, f"hold:{step.id}:{step.epoch}")
    except DomainError as refused:
        return Question(
            title="There are not enough credits",
            instructions=f"{refused.message}. Get more credits, then try again.",
            decisions=(RETRY, CANCEL),
        )
    return None


async def pause(tx: Transaction, run: Run, step: Step, question: Question) -> None:
    if not PURPOSES[run.purpose].asks:
        await give_up(tx, run, step, failure(ErrorCode.INSUFFICIENT_CREDITS, question.title, step))
        return
    put(tx, run, step, Form(purpose=Purpose.BUDGET, question=question))
    await settle(tx, run)


def _over_budget(run: Run, price: Decimal) -> Question:
    spent, most = decimal_string(run.cost + run.reserved), decimal_string(run.max_credits or Decimal(0))
    return Question(
        title="The run would cost more than it may",
        instructions=f"It has cost {spent} of {most} credits, and this step may cost {decimal_string(price)} more.",
        decisions=(RAISE, CANCEL),
        schema=_MORE,
    )


_MORE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "maxCredits": {
            "type": "string",
            "pattern": r"^\d{1,12}(\.\d{1,6})?$",
            "title": "What the run may cost in all, in credits",
        }
    },
    "additionalProperties": False,
}


async def conclude(tx: Transaction, run: Run, step: Step, answer: Answer) -> None:
    """Every step that waits for the same is tried again, or the run is canceled."""
    if answer.decision == CANCEL:
        run.cancel_requested_at = answer.at
        await wind_down(tx, run)
        return
    if answer.decision == RAISE:
        run.max_credits = _raised(run, answer.values)
    for one in await tx.find(Step, run_id=run.id, status=StepStatus.WAITING):
        if one.form is not None and one.form.purpose is Purpose.BUDGET:
            run.steps_waiting -= 1
            tx.record(one.resume(tx.now))
            tx.save(one)
            tx.enqueue(one.job())
    await settle(tx, run)


def _raised(run: Run, values: dict[str, Any]) -> Decimal:
    if "maxCredits" not in values:
        raise InvalidInput("Say what the run may cost in all", field="values.maxCredits")
    found = require_credits(Decimal(values["maxCredits"]), "values.maxCredits")
    if run.max_credits is not None and found <= run.max_credits:
        told = decimal_string(run.max_credits)
        raise InvalidInput(f"That is no more than the {told} credits it may cost already", field="values.maxCredits")
    return found
