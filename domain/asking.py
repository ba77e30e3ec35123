"""How a step comes to wait for a person."""

from domain.advancing import give_up, settle
from domain.forms import Form, OnTimeout, Purpose, Question
from domain.ports import Transaction
from domain.purposes import PURPOSES
from domain.runs import Run
from domain.steps import RunError, Step, StepStatus

UNKNOWN_OUTCOME_SECONDS = 86_400.0
RETRY, FAIL = "retry", "fail"


def put(tx: Transaction, run: Run, step: Step, form: Form, error: RunError | None = None) -> None:
    tx.record(*step.wait(form, tx.now, error))
    tx.save(step)
    run.steps_waiting += 1


async def ask(tx: Transaction, run: Run, step: Step, question: Question) -> None:
    """What the workflow wants to know."""
    put(tx, run, step, Form(purpose=Purpose.REVIEW, question=question))
    await settle(tx, run)


async def leave_open(tx: Transaction, run: Run, step: Step, error: RunError) -> None:
    """A provider may have been charged and nobody knows: a person decides, unless the run stops, or asks nobody."""
    if run.is_stopping or not PURPOSES[run.purpose].asks:
        await give_up(tx, run, step, error, StepStatus.OUTCOME_UNKNOWN)
        return
    question = Question(
        title="What became of this step is unknown",
        instructions=f"{error.message}. Look at the provider's account, then repeat the step or let it fail.",
        decisions=(RETRY, FAIL),
        due_seconds=UNKNOWN_OUTCOME_SECONDS,
        on_timeout=OnTimeout.FAIL,
    )
    put(tx, run, step, Form(purpose=Purpose.OUTCOME_UNKNOWN, question=question), error)
    await settle(tx, run)
