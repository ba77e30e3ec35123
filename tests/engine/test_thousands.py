"""Runs of thousands of steps end part after part, so that nobody has to wait for all of them at once."""

from collections import Counter

from app.parts import Parts
from domain.advancing import ENDED_AT_ONCE
from domain.errors import ErrorCode
from domain.interruptions import FailStep
from domain.kinds.map_items import MOST_ITEMS
from domain.ports import StepJob
from domain.run_commands import CancelRun
from domain.runs import Run
from domain.steps import RunError
from tests.engine.crew import (
    a_reconciler,
    a_run,
    a_worker,
    as_engine,
    edges,
    jobs_of,
    run_of,
    statuses_of,
    steps_of,
    work_up_to,
)
from tests.engine.maps import a_map, inner, listed, saying
from tests.engine.reviews import code_of, let_time_pass, submit, waiting
from tests.studio import Tenant, claim_of, tenant


async def _many(owner: Tenant) -> Run:
    """A run whose map has just made its copies."""
    run = await a_run(owner, [*listed("items"), saying("{{each}}", "each")], edges("items>many"), items=_ITEMS)
    worker = a_worker(owner.parts)
    await worker.do(await work_up_to(owner.parts, worker, owner, run, "many"))
    return run


_ITEMS = list(range(MOST_ITEMS))


async def _counted(owner: Tenant, run: Run) -> Counter[str]:
    return Counter((await statuses_of(owner, run)).values())


async def _first_queued(owner: Tenant, run: Run) -> StepJob:
    steps = {step.id: step for step in (await steps_of(owner, run)).values()}
    return next(job for job in await jobs_of(owner.parts) if steps[job.step_id].status == "QUEUED")


async def test_canceled_they_begin_nothing_more_and_are_over_part_after_part(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await _many(owner)
    assert (await owner.do(CancelRun(id=run.id))).outcome == "REQUESTED"
    assert (await _counted(owner, run))["CANCELED"] == ENDED_AT_ONCE
    assert (await owner.do(CancelRun(id=run.id))).outcome == "REQUESTED"

    await a_worker(parts).do(await _first_queued(owner, run))
    counted = await _counted(owner, run)
    assert (counted["CANCELED"], counted["SUCCEEDED"]) == (2 * ENDED_AT_ONCE, 1)

    await a_reconciler(parts).reconcile()
    over = await run_of(owner, run)
    assert (over.status, await _counted(owner, run)) == ("CANCELED", {"SUCCEEDED": 1, "CANCELED": 3 * MOST_ITEMS + 1})
    assert (await owner.do(CancelRun(id=run.id))).outcome == "CANCELED"


async def test_when_one_of_them_fails_the_others_are_skipped_part_after_part(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await _many(owner)
    step = (await as_engine(owner, claim_of(parts, await _first_queued(owner, run)))).step
    error = RunError(code=ErrorCode.PROVIDER_REFUSED, message="No.", node_id=step.node_id)
    await as_engine(owner, FailStep(run_id=run.id, step_id=step.id, epoch=step.epoch, error=error))
    assert ((await run_of(owner, run)).status, (await _counted(owner, run))["SKIPPED"]) == ("RUNNING", ENDED_AT_ONCE)

    await a_reconciler(parts).reconcile()
    counted = {"SUCCEEDED": 1, "FAILED": 2, "SKIPPED": 3 * MOST_ITEMS - 1}
    assert ((await run_of(owner, run)).status, await _counted(owner, run)) == ("FAILED", counted)


async def test_what_still_waits_when_the_run_is_canceled_takes_no_answer(parts: Parts) -> None:
    owner = await tenant(parts)
    look = [inner("each", "input", name="each"), inner("look", "human_review", title="Look"), inner("said", "output")]
    many = a_map("many", look, "each>look.text", "look.text>said")
    run = await a_run(owner, [*listed("items"), many], edges("items>many"), items=["A kite"] * ENDED_AT_ONCE)
    worker, last = a_worker(parts), f"many/{ENDED_AT_ONCE - 1}/look"
    await worker.do(await work_up_to(parts, worker, owner, run, "many"))
    await worker.do(await work_up_to(parts, worker, owner, run, last))
    step = await waiting(owner, run, last)

    assert (await owner.do(CancelRun(id=run.id))).outcome == "REQUESTED"
    assert (await waiting(owner, run, last)).version == step.version
    assert await code_of(submit(owner, step)) == "STEP_NOT_WAITING"
    await let_time_pass(owner, step)
    await a_reconciler(parts).reconcile()
    assert (await run_of(owner, run)).status == "CANCELED"
    assert (await statuses_of(owner, run))[last] == "CANCELED"
