"""Leases: whose step it is, and what becomes of it when its worker goes away."""

import asyncio

import pytest

from app.parts import Parts
from domain.claiming import ClaimedStep
from domain.errors import DomainError, ErrorCode
from domain.execution import FinishStep
from domain.images import NewImage
from domain.interruptions import MOST_ATTEMPTS, ExpireStep
from domain.kinds.kind import StepResult
from tests.engine.crew import (
    a_picture,
    a_reconciler,
    a_worker,
    as_engine,
    events_of,
    images_of,
    jobs_of,
    pulsing,
    run_of,
    start,
    statuses_of,
    steps_of,
    until,
    until_step,
    work_off,
    work_up_to,
)
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of, tenant


def finish_of(claim: ClaimedStep) -> FinishStep:
    image = NewImage(
        storage_key=f"k/{claim.step.id}",
        file_name="a.png",
        mime_type="image/png",
        file_size=1,
        file_hash="0",
        width=1,
        height=1,
    )
    value = {"imageId": image.id}
    result = StepResult(outputs={"image": value, "images": [value]}, images=(image,))
    return FinishStep(run_id=claim.run.id, step_id=claim.step.id, epoch=claim.step.epoch, outcome=result)


async def test_a_stale_worker_writes_nothing(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    stale = await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "draw"), -1))
    await a_reconciler(parts).reconcile()
    (job,) = await jobs_of(parts)
    fresh = await as_engine(owner, claim_of(parts, job))
    before = await events_of(owner, run)

    with pytest.raises(DomainError) as refused:
        await as_engine(owner, finish_of(stale))
    assert refused.value.code is ErrorCode.CONFLICT
    assert (await events_of(owner, run), await images_of(owner, run)) == (before, [])

    await as_engine(owner, finish_of(fresh))
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"
    assert len(await images_of(owner, run)) == 1


async def test_a_result_is_recorded_once(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    claim = await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "draw")))
    answers = await asyncio.gather(*(as_engine(owner, finish_of(claim)) for _ in range(5)), return_exceptions=True)
    assert [answer.code for answer in answers if isinstance(answer, DomainError)] == [ErrorCode.CONFLICT] * 4
    assert len(await images_of(owner, run)) == 1


async def test_jobs_that_come_twice_or_late_do_no_harm(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_picture(owner)
    job = await work_up_to(parts, worker, owner, run, "draw")
    await asyncio.gather(*(worker.do(job) for _ in range(8)))
    await work_off(parts, worker)
    await worker.do(job)
    assert (await steps_of(owner, run))["draw"].epoch == 1
    assert len(await images_of(owner, run)) == 1
    assert (await run_of(owner, run)).metrics.steps_done == 3


async def test_a_lost_workers_step_is_repeated_where_that_does_no_harm(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_picture(owner)
    await as_engine(owner, claim_of(parts, await work_up_to(parts, worker, owner, run, "draw"), -1))
    await a_reconciler(parts).reconcile()
    await work_off(parts, worker)
    done, step = await run_of(owner, run), (await steps_of(owner, run))["draw"]
    assert (done.status, done.retries, step.attempt, step.epoch) == ("SUCCEEDED", 1, 2, 2)


async def test_a_lost_workers_paid_step_is_left_open_and_not_repeated(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    parts, worker = paying.parts, a_worker(paying.parts)
    run = await a_picture(paying)
    job = await work_up_to(parts, worker, paying, run, "draw")
    await as_engine(paying, claim_of(parts, job, -1))
    await a_reconciler(parts).reconcile()
    await work_off(parts, worker)
    assert await statuses_of(paying, run) == {"ask": "SUCCEEDED", "draw": "WAITING", "show": "PENDING"}
    assert (await run_of(paying, run)).status == "WAITING"
    error = (await steps_of(paying, run))["draw"].error
    assert error is not None
    assert error.code is ErrorCode.OUTCOME_UNKNOWN
    assert await openai_server.requests() == []


async def test_a_step_that_loses_every_worker_fails_in_the_end(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    job = await work_up_to(parts, a_worker(parts), owner, run, "draw")
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert (await as_engine(owner, claim_of(parts, job, -1))).step.attempt == attempt
        await a_reconciler(parts).reconcile()
        job = next(iter(await jobs_of(parts)), job)
    done = await run_of(owner, run)
    assert (done.status, done.error and done.error.code) == ("FAILED", ErrorCode.DEADLINE_EXCEEDED)


async def test_reconcilers_at_once_take_a_step_back_once(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "draw"), -1))
    await asyncio.gather(*(a_reconciler(parts).reconcile() for _ in range(4)))
    assert (await run_of(owner, run)).retries == 1
    assert len(await jobs_of(parts)) == 1


async def test_a_step_whose_job_is_gone_is_queued_again_and_finishes(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    assert len(await jobs_of(parts)) == 1
    await a_reconciler(parts).reconcile()
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"


async def test_a_worker_keeps_its_lease_while_it_works(paying: Tenant, openai_server: OpenAIServer) -> None:
    parts, worker = paying.parts, a_worker(paying.parts, lease_seconds=1.0)
    run = await a_picture(paying)
    await openai_server.script("slow")
    job = await work_up_to(parts, worker, paying, run, "draw")
    async with pulsing(worker), asyncio.TaskGroup() as group:
        group.create_task(worker.do(job))
        first = await until_step(paying, run, "draw", "RUNNING")

        async def is_renewed() -> bool:
            return (await steps_of(paying, run))["draw"].lease_until != first.lease_until

        await until(is_renewed)
        await a_reconciler(parts).reconcile()
        assert (await steps_of(paying, run))["draw"].status == "RUNNING"
        await openai_server.release()
    assert (await steps_of(paying, run))["draw"].status == "SUCCEEDED"


async def test_a_worker_that_lost_its_lease_drops_its_attempt(paying: Tenant, openai_server: OpenAIServer) -> None:
    parts, worker = paying.parts, a_worker(paying.parts, lease_seconds=0.0)
    run = await a_picture(paying)
    await openai_server.script("slow")
    job = await work_up_to(parts, worker, paying, run, "draw")
    async with asyncio.TaskGroup() as group:
        attempt = group.create_task(worker.do(job))
        await openai_server.requests(at_least=1)
        await a_reconciler(parts).reconcile()
        before = await events_of(paying, run)
        async with pulsing(worker):
            await attempt
    assert await events_of(paying, run) == before
    assert (await run_of(paying, run)).status == "WAITING"


async def test_a_worker_that_leaves_begins_nothing_more(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_picture(owner)
    worker.leave()
    await work_off(parts, worker)
    assert set((await statuses_of(owner, run)).values()) == {"QUEUED", "PENDING"}
    await a_reconciler(parts).reconcile()
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"


@pytest.mark.slow
async def test_runs_beside_each_other_do_every_step_once(parts: Parts) -> None:
    owner, workers = await tenant(parts), [a_worker(parts) for _ in range(3)]
    workflow = await owner.hero_image()
    runs = [await start(owner, workflow, prompt=f"Kite {number}") for number in range(10)]
    while jobs := await jobs_of(parts):
        await asyncio.gather(*(worker.do(job) for job in jobs for worker in workers))
    for run in runs:
        assert {step.epoch for step in (await steps_of(owner, run)).values()} == {1}
        assert len(await images_of(owner, run)) == 1


async def test_a_step_whose_lease_was_renewed_meanwhile_is_left_alone(parts: Parts) -> None:
    """Between being found and being taken, its worker gave a sign of life."""
    owner, worker = await tenant(parts), a_worker(parts)
    run = await start(owner, await owner.hero_image(), prompt="Rome")
    job = await work_up_to(parts, worker, owner, run, "enhance")
    claim = await as_engine(owner, claim_of(parts, job, lease_seconds=60))
    with pytest.raises(DomainError, match="renewed") as refusal:
        await as_engine(owner, ExpireStep(run_id=run.id, step_id=job.step_id, epoch=claim.step.epoch))
    assert refusal.value.code is ErrorCode.CONFLICT
    assert (await steps_of(owner, run))["enhance"].status == "RUNNING"
