"""How a `map` goes on: a copy of its subgraph for each item."""

import json
from datetime import datetime

from domain.advancing import complete, give_up, go_on
from domain.caching import done_in, same, take_over
from domain.errors import ErrorCode
from domain.graphs import Graph, graph_inside
from domain.kinds import KINDS
from domain.kinds.kind import Copies, StepResult
from domain.planning import Place, steps_of
from domain.ports import Transaction
from domain.runs import MOST_STEPS, Run, failure
from domain.steps import Step, StepStatus

MOST_GIVEN_BYTES = 32 * 1024 * 1024


async def make_copies(tx: Transaction, run: Run, parent: Step, copies: Copies) -> None:
    """The steps of all copies; the map is done when they are, at once where there is nothing to do."""
    graph = graph_inside(parent.config)
    if not copies.items:
        nothing = {port.name: list[object]() for port in KINDS[parent.kind].outputs_of(parent.config)}
        await complete(tx, run, parent, StepResult(outputs=nothing))
    elif too_much := _too_much(run, parent, graph, len(copies.items)):
        await give_up(tx, run, parent, failure(ErrorCode.VALIDATION_ERROR, too_much, parent))
    else:
        places = (_place(run, parent, number, copies, tx.now) for number in range(len(copies.items)))
        await _begin(tx, run, parent, [step for place in places for step in steps_of(graph, place)])


def _too_much(run: Run, parent: Step, graph: Graph, items: int) -> str | None:
    count = items * len(graph.nodes)
    if run.steps_total + count > MOST_STEPS:
        return f"The run would have {run.steps_total + count:,} steps: {MOST_STEPS:,} are the most"
    if (given := _bytes_given(parent, items) * len(graph.nodes)) > MOST_GIVEN_BYTES:
        return f"The copies would be given {given >> 20:,} MiB together: {MOST_GIVEN_BYTES >> 20} MiB are the most"
    return None


def _bytes_given(parent: Step, items: int) -> int:
    """To one node of each copy: the lists' values, as often as they are used, and what the map itself was given."""
    lists = (len(json.dumps(values)) * items // len(values) for values in parent.inputs.values())
    return sum(lists) + len(json.dumps(parent.given)) * items


async def _begin(tx: Transaction, run: Run, parent: Step, steps: list[Step]) -> None:
    done = await _done_before(tx, run, parent)
    parent.share = 0.0  # which is now its copies'
    run.steps_total += len(steps)
    tx.record(parent.go_on_with_copies(len(steps)))
    over = take_over(tx, steps, done)
    tx.save(parent)
    tx.add(*steps)
    tx.enqueue(*(step.job() for step in steps if step.status is StepStatus.QUEUED))
    await go_on(tx, run, *over)


async def _done_before(tx: Transaction, run: Run, parent: Step) -> dict[str, Step]:
    """What was done of the same copies in the run that this one repeats."""
    if run.retry_of is None or run.fresh:
        return {}
    old = await tx.get(Run, run.retry_of)
    for earlier in await tx.find(Step, run_id=old.id, node_id=parent.node_id):
        if same([old.inputs, earlier.inputs, earlier.given], [run.inputs, parent.inputs, parent.given]):
            return await done_in(tx, old.id, earlier.id)
    return {}


def _place(run: Run, parent: Step, number: int, copies: Copies, now: datetime) -> Place:
    return Place(
        organization_id=parent.organization_id,
        project_id=parent.project_id,
        run_id=run.id,
        priority=parent.priority,
        share=parent.share / len(copies.items),
        parent_id=parent.id,
        prefix=f"{parent.node_id}/{number}/",
        given=parent.given | copies.items[number],
        now=now,
    )
