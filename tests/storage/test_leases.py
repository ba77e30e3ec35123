"""Leases: renewed while they hold, found when they have run out, and the steps that nobody is called to."""

from app.parts import Parts
from domain.claiming import ClaimedStep
from domain.commands import execute
from domain.ids import new_id
from domain.interruptions import ReleaseStep
from domain.permissions import engine_actor
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.steps import Step
from storage.leases import Held
from tests.storage.job_rows import delete_jobs, job_keys, make_older
from tests.studio import Tenant, claim_of, tenant


async def a_run(owner: Tenant) -> Run:
    workflow = await owner.hero_image()
    run: Run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}))
    return run


async def claimed(owner: Tenant, run: Run, lease_seconds: float = 60.0) -> ClaimedStep:
    """The run's first step, taken."""
    found = await owner.parts.studio.reads.many(Step, owner.actor, run_id=run.id, status="QUEUED")
    step = found[0]
    claim = await execute(
        owner.parts.database.begin,
        engine_actor(owner.actor.organization_id),
        claim_of(owner.parts, step.job(), lease_seconds),
    )
    assert claim is not None
    return claim


def held(claim: ClaimedStep) -> Held:
    return Held(claim.step.id, claim.step.epoch)


async def test_a_claim_that_holds_is_renewed_and_others_are_not(parts: Parts) -> None:
    owner = await tenant(parts)
    claim = await claimed(owner, await a_run(owner), lease_seconds=0)
    assert [job.step_id for job in await parts.leases.expired()] == [claim.step.id]

    older, unknown = Held(claim.step.id, claim.step.epoch - 1), Held(new_id(), 1)
    assert await parts.leases.renew([held(claim), older, unknown], 60) == {held(claim): False}
    assert await parts.leases.expired() == []
    assert await parts.leases.renew([], 60) == {}


async def test_a_renewal_tells_that_the_run_is_to_be_canceled(parts: Parts) -> None:
    owner = await tenant(parts)
    run, other = await a_run(owner), await a_run(owner)
    claims = [await claimed(owner, each) for each in (run, other)]
    await owner.do(CancelRun(id=run.id))
    assert await parts.leases.renew(map(held, claims), 60) == {held(claims[0]): True, held(claims[1]): False}


async def test_a_step_that_was_given_back_is_no_longer_held(parts: Parts) -> None:
    owner = await tenant(parts)
    claim = await claimed(owner, await a_run(owner))
    release = ReleaseStep(run_id=claim.run.id, step_id=claim.step.id, epoch=claim.step.epoch)
    await execute(parts.database.begin, engine_actor(owner.actor.organization_id), release)
    assert await parts.leases.renew([held(claim)], 60) == {}
    assert await parts.leases.expired() == []


async def test_an_expired_lease_says_whose_step_it_is(parts: Parts) -> None:
    owner = await tenant(parts)
    claim = await claimed(owner, await a_run(owner), lease_seconds=-1)
    (job,) = await parts.leases.expired()
    assert (job.organization_id, job.run_id) == (owner.actor.organization_id, claim.run.id)
    assert (job.step_id, job.epoch) == (claim.step.id, claim.step.epoch)


async def test_a_step_whose_job_is_gone_is_queued_once_more(parts: Parts) -> None:
    owner = await tenant(parts)
    await a_run(owner)
    before = await job_keys(parts)
    await delete_jobs(parts)
    assert await parts.leases.requeue_stranded(0) == 1
    assert await job_keys(parts) == before != []


async def test_a_job_that_is_there_stays_as_it_is(parts: Parts) -> None:
    owner = await tenant(parts)
    await a_run(owner)
    before = await job_keys(parts)
    await parts.leases.requeue_stranded(0)
    await parts.leases.requeue_stranded(0)
    assert await job_keys(parts) == before


async def test_a_step_that_has_not_waited_long_is_left_alone(parts: Parts) -> None:
    owner = await tenant(parts)
    await a_run(owner)
    await delete_jobs(parts)
    assert await parts.leases.requeue_stranded(60) == 0
    await make_older(parts, "steps", "available_at", seconds=61)
    assert await parts.leases.requeue_stranded(60) == 1
