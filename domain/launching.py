"""How a run begins: what it may cost is set aside, its steps are written, the first of them are queued."""

from domain.accounts import hold
from domain.caching import take_over
from domain.graphs import Graph
from domain.planning import Place, steps_of
from domain.ports import Transaction
from domain.quotes import quote_of
from domain.runs import Run
from domain.steps import Step, StepStatus


async def begin_run(tx: Transaction, run: Run, graph: Graph, done: dict[str, Step] | None = None) -> list[Step]:
    """
    Write the run and its steps, and queue the first. INSUFFICIENT_CREDITS or QUOTA_EXCEEDED before anything is written.

    Those steps that were `done` in an earlier run are done in this one too, and returned: the caller goes on with them.
    """
    if not tx.offers.are_free:
        await hold(tx, run, (await quote_of(tx, run, graph, done or {})).total, f"hold:{run.id}")
    steps = steps_of(graph, _place(tx, run))
    tx.add(run, *steps)
    over = take_over(tx, steps, done or {})
    tx.enqueue(*(step.job() for step in steps if step.status is StepStatus.QUEUED))
    if not over:
        tx.record(run.told("run.updated"))
    return over


def _place(tx: Transaction, run: Run) -> Place:
    return Place(
        organization_id=run.organization_id,
        project_id=run.project_id,
        run_id=run.id,
        priority=run.priority,
        now=tx.now,
    )
