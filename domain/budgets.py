"""Runs that may only cost so much: one that would cost more pauses and asks, it does not fail."""

from decimal import Decimal
from typing import Any

from domain.advancing import settle, wind_down
from domain.asking import put
from domain.errors import InvalidInput
from domain.forms import Answer, Form, Purpose, Question
from domain.money import require_credits
from domain.plain import decimal_string
from domain.ports import Transaction
from domain.runs import Run
from domain.steps import Step, StepStatus

RAISE, CANCEL = "raise", "cancel"


async def pause(tx: Transaction, run: Run, step: Step, price: Decimal) -> None:
    put(tx, run, step, Form(purpose=Purpose.BUDGET, question=_question(run, price)))
    await settle(tx, run)


def _question(run: Run, price: Decimal) -> Question:
    spent, most = decimal_string(run.cost + run.reserved), decimal_string(run.max_credits or Decimal(0))
    return Question(
        title="The run would cost more than it may",
        instructions=f"It has cost {spent} of {most} credits, and this step may cost {decimal_string(price)} more.",
        decisions=(RAISE, CANCEL),
        schema={
            "type": "object",
            "properties": {
                "maxCredits": {
                    "type": "string",
                    "pattern": r"^\d{1,12}(\.\d{1,6})?$",
                    "title": "What the run may cost in all, in credits",
                }
            },
            "additionalProperties": False,
        },
    )


async def conclude(tx: Transaction, run: Run, step: Step, answer: Answer) -> None:
    """Raised, every step that waits for it is tried again; else the run is canceled."""
    if answer.decision == CANCEL:
        run.cancel_requested_at = answer.at
        await wind_down(tx, run)
        return
    run.max_credits = _raised(run, answer.values)
    for one in await tx.find(Step, run_id=run.id, status=StepStatus.WAITING):
        if one.form is not None and one.form.purpose is Purpose.BUDGET:
            run.steps_waiting -= 1
            tx.record(one.queue())
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
