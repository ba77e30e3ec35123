"""What a run would cost, and what of it was made before."""

from decimal import Decimal

import pytest

from domain.errors import DomainError, ErrorCode
from domain.graphs import Node
from domain.quotes import Quote
from domain.run_commands import QuoteRun, StartRun
from domain.workflows import Workflow
from tests.engine.crew import a_worker, a_workflow, edges, node, start, work_off
from tests.studio import Tenant

NODES: list[Node] = [
    node("ask", "input", name="prompt"),
    node("richer", "enhance"),
    node("draw", "generate_image", count=2),
    node("large", "condition", operator="greater", operand=1),
    node("again", "generate_image"),
    node("show", "output"),
]
LINKS = edges("ask>richer", "richer>draw", "draw.image>show")


async def branching(owner: Tenant) -> Workflow:
    nodes = [node("number", "input", name="number", type="number"), *(one for one in NODES if one.id != "show")]
    links = edges("ask>richer", "richer>draw", "number>large", "large.then>words", "words>again")
    return await a_workflow(owner, [*nodes, node("words", "prompt", template="{{text}}")], links)


async def quote(owner: Tenant, workflow: Workflow, **inputs: object) -> Quote:
    command = StartRun(workflow_id=workflow.id, inputs=inputs)
    found: Quote = await owner.do(QuoteRun(start=command))
    return found


def told(found: Quote) -> dict[str, tuple[Decimal, bool]]:
    return {one.node_id: (one.cost, one.cached) for one in found.nodes}


async def test_before_anything_was_made_every_call_is_counted(paying: Tenant) -> None:
    workflow = await a_workflow(paying, [one for one in NODES if one.id not in {"large", "again"}], LINKS)
    found = await quote(paying, workflow, prompt="A kite")
    offers = paying.parts.studio.offers
    assert found.total == offers.text.price + 2 * offers.image.price
    assert told(found)["draw"] == (2 * offers.image.price, False)


async def test_what_was_made_before_is_free_and_what_is_new_is_not(paying: Tenant) -> None:
    workflow = await a_workflow(paying, [one for one in NODES if one.id not in {"large", "again"}], LINKS)
    await start(paying, workflow, prompt="A kite")
    await work_off(paying.parts, a_worker(paying.parts))
    known = await quote(paying, workflow, prompt="A kite")
    assert known.total == 0
    assert {name for name, (_, cached) in told(known).items() if cached} == {"richer", "draw"}
    assert (await quote(paying, workflow, prompt="Another kite")).total > 0


async def test_a_branch_that_will_not_be_taken_costs_nothing(paying: Tenant) -> None:
    workflow, price = await branching(paying), paying.parts.studio.offers.image.price
    taken = await quote(paying, workflow, prompt="A kite", number=2)
    left = await quote(paying, workflow, prompt="A kite", number=1)
    assert (told(taken)["again"][0], told(left)["again"][0]) == (price, Decimal(0))


async def test_a_quote_refuses_what_starting_refuses_and_starts_nothing(paying: Tenant) -> None:
    workflow = await a_workflow(paying, [one for one in NODES if one.id not in {"large", "again"}], LINKS)
    with pytest.raises(DomainError) as refused:
        await quote(paying, workflow)
    assert refused.value.code is ErrorCode.VALIDATION_ERROR
    await quote(paying, workflow, prompt="A kite")
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await quote(paying, workflow, prompt="A kite")).total > 0
