"""How far a step and its run are, as it is told while they work."""

import asyncio

import pytest

from app.parts import Parts
from domain.claiming import ClaimedStep
from domain.execution import ReportStep
from tests.engine.crew import (
    a_picture,
    a_reconciler,
    a_worker,
    as_engine,
    events_of,
    jobs_of,
    pulsing,
    run_of,
    steps_of,
    until,
    work_off,
    work_up_to,
)
from tests.engine.reviews import code_of
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of, tenant


def report(claim: ClaimedStep, progress: float) -> ReportStep:
    return ReportStep(run_id=claim.run.id, step_id=claim.step.id, epoch=claim.step.epoch, progress=progress)


async def test_a_step_and_its_run_go_on_and_never_back(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    claim = await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "draw")))
    seen = []
    for progress in (0.25, 0.75, 0.5, -1.0, float("nan"), 7.0):
        await as_engine(owner, report(claim, progress))
        seen.append(((await steps_of(owner, run))["draw"].progress, (await run_of(owner, run)).progress))
    assert [of_step for of_step, _ in seen] == [0.25, 0.75, 0.75, 0.75, 0.75, 1.0]
    assert [of_run for _, of_run in seen] == pytest.approx([(1 + of_step) / 3 for of_step, _ in seen])
    told = [one.event.payload["progress"] for one in await events_of(owner, run) if one.event.subject_type == "RunStep"]
    assert told[-6:] == [done for done, _ in seen]


async def test_another_attempt_does_not_take_progress_back(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    job = await work_up_to(parts, a_worker(parts), owner, run, "draw")
    await as_engine(owner, report(await as_engine(owner, claim_of(parts, job, -1)), 0.75))
    before = await run_of(owner, run)
    await a_reconciler(parts).reconcile()
    (job,) = await jobs_of(parts)
    await as_engine(owner, report(await as_engine(owner, claim_of(parts, job, -1)), 0.25))
    assert (await run_of(owner, run)).progress == before.progress == pytest.approx(1.75 / 3)
    await a_reconciler(parts).reconcile()
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).progress == 1.0


async def test_a_worker_that_lost_its_step_tells_nothing(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    stale = await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "draw"), -1))
    await a_reconciler(parts).reconcile()
    assert await code_of(as_engine(owner, report(stale, 0.5))) == "CONFLICT"
    assert (await steps_of(owner, run))["draw"].progress == 0.0


async def test_a_worker_tells_how_far_it_is_while_it_works(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    run = await a_picture(paying)
    await openai_server.script("slow")
    job = await work_up_to(paying.parts, worker, paying, run, "draw")

    async def is_half_done() -> bool:
        return (await steps_of(paying, run))["draw"].progress == 0.5

    async with pulsing(worker), asyncio.TaskGroup() as group:
        group.create_task(worker.do(job))
        await openai_server.requests(at_least=1)
        (attempt,) = worker.attempts.values()
        attempt.report(0.5)
        await until(is_half_done)
        assert (await run_of(paying, run)).progress == pytest.approx(0.5)
        await openai_server.release()
    assert (await steps_of(paying, run))["draw"].progress == 1.0
