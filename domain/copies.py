"""How a `map` goes on: a copy of its subgraph for each item."""

from domain.advancing import complete, give_up
from domain.errors import ErrorCode
from domain.graphs import graph_inside
from domain.kinds import KINDS
from domain.kinds.kind import Copies, StepResult
from domain.planning import Place, steps_of
from domain.ports import Transaction
from domain.runs import MOST_STEPS, Run, failure
from domain.steps import Step, StepStatus


async def make_copies(tx: Transaction, run: Run, parent: Step, copies: Copies) -> None:
    """The steps of all copies; the map is done when they are, at once where there is nothing to do."""
    graph = graph_inside(parent.config)
    count = len(copies.items) * len(graph.nodes)
    if run.steps_total + count > MOST_STEPS:
        message = f"The run would have {run.steps_total + count:,} steps: {MOST_STEPS:,} are the most"
        await give_up(tx, run, parent, failure(ErrorCode.VALIDATION_ERROR, message, parent))
        return
    if not count:
        nothing = {port.name: list[object]() for port in KINDS[parent.kind].outputs_of(parent.config)}
        await complete(tx, run, parent, StepResult(outputs=nothing))
        return
    places = (_place(run, parent, number, copies) for number in range(len(copies.items)))
    steps = [step for place in places for step in steps_of(graph, place)]
    parent.share = 0.0  # which is now its copies'
    run.steps_total += count
    tx.record(parent.go_on_with_copies(count))
    tx.save(parent)
    tx.add(*steps)
    tx.enqueue(*(step.job() for step in steps if step.status is StepStatus.QUEUED))


def _place(run: Run, parent: Step, number: int, copies: Copies) -> Place:
    return Place(
        organization_id=parent.organization_id,
        project_id=parent.project_id,
        run_id=run.id,
        priority=parent.priority,
        share=parent.share / len(copies.items),
        parent_id=parent.id,
        prefix=f"{parent.node_id}/{number}/",
        given=parent.given | copies.items[number],
    )
