"""Runs that may only cost so much: they pause and ask, and go on or end as they are told."""

import asyncio
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from domain.budgets import CANCEL, RAISE
from domain.errors import ErrorCode
from domain.permissions import Role
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.steps import Step
from domain.waiting import may_answer
from tests.engine.crew import (
    a_reconciler,
    a_worker,
    a_workflow,
    edges,
    events_of,
    images_of,
    jobs_of,
    node,
    run_of,
    statuses_of,
    steps_of,
    until,
    work_off,
)
from tests.engine.reviews import code_of, form_of, person, refusal, submit
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant

DRAW = ("one", "two", "three")


async def three_pictures(owner: Tenant, max_credits: str) -> Run:
    """A run that draws three pictures for a credit each, before any is drawn."""
    nodes = [node("ask", "input", name="prompt"), *(node(name, "generate_image") for name in DRAW)]
    workflow = await a_workflow(owner, nodes, edges(*(f"ask>{name}" for name in DRAW)))
    command = StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, max_credits=Decimal(max_credits))
    run: Run = await owner.do(command)
    return run


async def paused(owner: Tenant, max_credits: str) -> tuple[Run, list[Step]]:
    """Such a run after all was done that it may cost, and the steps that wait for more."""
    run = await three_pictures(owner, max_credits)
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run), await _paused_steps(owner, run)


async def _paused_steps(owner: Tenant, run: Run) -> list[Step]:
    return [step for step in (await steps_of(owner, run)).values() if step.status == "WAITING"]


async def _is_paused(owner: Tenant, run: Run) -> bool:
    return bool(await _paused_steps(owner, run))


def raised_to(credits: Any) -> dict[str, Any]:
    return {"decision": RAISE, "values": {"maxCredits": credits}}


async def test_a_run_that_would_cost_more_than_it_may_pauses_and_asks(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    run, steps = await paused(paying, "2.5")
    assert (run.status, run.error, run.steps_waiting) == ("WAITING", None, 1)
    assert (run.cost, run.reserved) == (Decimal(2), Decimal(0))
    assert len(await openai_server.requests()) == 2
    (step,) = steps
    question = form_of(step).question
    assert (question.decisions, step.due_at, step.attempt) == ((RAISE, CANCEL), None, 0)
    assert question.instructions is not None
    assert "2 of 2.5 credits" in question.instructions
    told = {envelope.event.event for envelope in await events_of(paying, run)}
    assert told == {"step.updated", "step.waiting", "run.updated", "image.created"}


async def test_what_costs_nothing_goes_on_without_any_credit(paying: Tenant) -> None:
    nodes = [node("ask", "input", name="prompt"), node("write", "prompt", template="{{prompt}}!")]
    workflow = await a_workflow(paying, nodes, edges("ask>write"))
    run = await paying.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, max_credits=Decimal(0)))
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "SUCCEEDED"


async def test_claims_at_once_do_not_spend_more_than_the_run_may(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    run = await three_pictures(paying, "2")
    await worker.do((await jobs_of(paying.parts))[0])
    await openai_server.script("slow", "slow")
    async with asyncio.TaskGroup() as group:
        for job in await jobs_of(paying.parts):
            group.create_task(worker.do(job))
        await openai_server.requests(at_least=2)
        await until(partial(_is_paused, paying, run))
        going = await run_of(paying, run)
        assert (going.status, going.reserved) == ("RUNNING", Decimal(2))
        await openai_server.release()
    done = await run_of(paying, run)
    assert (done.status, done.cost, len(await openai_server.requests())) == ("WAITING", Decimal(2), 2)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (None, "values.maxCredits"),
        ({"maxCredits": "0"}, "values.maxCredits"),
        ({"maxCredits": "1"}, "values.maxCredits"),
        ({"maxCredits": "1.000000"}, "values.maxCredits"),
        ({"maxCredits": "-5"}, "values"),
        ({"maxCredits": "1e3"}, "values"),
        ({"maxCredits": "5.0000001"}, "values"),
        ({"maxCredits": "9" * 13}, "values"),
        ({"maxCredits": "\uff15"}, "values"),
        ({"maxCredits": "NaN"}, "values"),
        ({"maxCredits": 5}, "values"),
        ({"maxCredits": "5", "more": 1}, "values"),
    ],
)
async def test_a_raise_that_is_none_is_refused_and_the_run_still_waits(
    paying: Tenant, values: dict[str, Any] | None, field: str
) -> None:
    run, steps = await paused(paying, "1")
    before = await events_of(paying, run)
    refused = await refusal(submit(paying, steps[0], RAISE, values=values))
    assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, field)
    assert (await run_of(paying, run), await events_of(paying, run)) == (run, before)


async def test_a_raise_lets_all_go_on_that_waited_for_it(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, (one, other) = await paused(paying, "1")
    going = await submit(paying, one, **raised_to("3"))
    assert (going.status, going.steps_waiting, going.max_credits) == ("RUNNING", 0, Decimal(3))
    before = await events_of(paying, run)
    assert (await submit(paying, one, **raised_to("3"))).version == going.version
    assert await code_of(submit(paying, one, **raised_to("4"))) == "STEP_NOT_WAITING"
    assert await events_of(paying, run) == before

    for _ in range(2):
        assert await code_of(submit(paying, other, CANCEL)) == "STEP_NOT_WAITING"
        await work_off(paying.parts, a_worker(paying.parts))
    done = await run_of(paying, run)
    assert (done.status, done.cost, len(await images_of(paying, run))) == ("SUCCEEDED", Decimal(3), 3)
    assert len(await openai_server.requests()) == 3


async def test_a_raise_that_does_not_reach_far_enough_has_the_run_ask_again(paying: Tenant) -> None:
    run, (one, other) = await paused(paying, "1")
    await submit(paying, one, **raised_to("2.5"))
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "WAITING"
    (again,) = await _paused_steps(paying, run)
    earlier = one if again.id == one.id else other
    assert await code_of(submit(paying, earlier, **raised_to("9"))) == "STEP_NOT_WAITING"
    await submit(paying, again, **raised_to("9"))
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "SUCCEEDED"


async def test_a_run_that_is_not_to_cost_more_is_canceled(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, (one, other) = await paused(paying, "1")
    assert (await submit(paying, one, CANCEL)).status == "CANCELED"
    statuses = await statuses_of(paying, run)
    assert sorted(statuses.values()) == ["CANCELED", "CANCELED", "SUCCEEDED", "SUCCEEDED"]
    assert await code_of(submit(paying, other, **raised_to("9"))) == "STEP_NOT_WAITING"
    assert (await submit(paying, one, CANCEL)).status == "CANCELED"
    told = [envelope.event.event for envelope in await events_of(paying, run)]
    assert told.count("run.canceled") == 1
    assert len(await openai_server.requests()) == 1


async def test_canceling_a_paused_run_ends_it(paying: Tenant) -> None:
    run, (one, _) = await paused(paying, "1")
    assert (await paying.do(CancelRun(id=run.id))).outcome == "CANCELED"
    over = await run_of(paying, run)
    assert await code_of(submit(paying, one, **raised_to("9"))) == "STEP_NOT_WAITING"
    assert await run_of(paying, run) == over


async def test_only_who_may_start_runs_decides_what_they_cost(paying: Tenant) -> None:
    run, (one, _) = await paused(paying, "1")
    ada = await person(paying, "ada", Role.REVIEWER)
    assert not may_answer(ada.actor, one)
    for answer in (raised_to("9"), {"decision": CANCEL}):
        assert await code_of(submit(ada, one, **answer)) == "FORBIDDEN"
    await submit(await person(paying, "ben", Role.EDITOR), one, **raised_to("9"))
    assert (await run_of(paying, run)).status == "RUNNING"


async def test_a_paused_run_is_not_taken_up_by_the_reconciler(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, _ = await paused(paying, "1")
    await a_reconciler(paying.parts).reconcile()
    await work_off(paying.parts, a_worker(paying.parts))
    assert await run_of(paying, run) == run
    assert len(await openai_server.requests()) == 1


async def test_two_raises_at_once_are_one(paying: Tenant) -> None:
    run, (one, other) = await paused(paying, "1")
    raises = [submit(paying, step, **raised_to(most)) for step, most in ((one, "5"), (other, "7"))]
    await asyncio.gather(*raises, return_exceptions=True)
    assert (await run_of(paying, run)).max_credits in {5, 7}
    assert (await run_of(paying, run)).steps_waiting == 0
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "SUCCEEDED"
