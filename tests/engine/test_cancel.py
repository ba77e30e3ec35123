"""Canceling a run: before it starts, while it works, after it is done, and in the very moment it ends."""

import asyncio
import random

from app.parts import Parts
from domain.interruptions import ReleaseStep
from domain.run_commands import Cancellation, CancelRun
from domain.runs import Run
from tests.engine.crew import (
    a_picture,
    a_reconciler,
    a_run,
    a_worker,
    as_engine,
    edges,
    events_of,
    images_of,
    jobs_of,
    node,
    pulsing,
    run_of,
    statuses_of,
    work_off,
    work_up_to,
)
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of, tenant


async def cancel(owner: Tenant, run: Run) -> Cancellation:
    canceled: Cancellation = await owner.do(CancelRun(id=run.id))
    return canceled


async def test_a_run_that_has_not_begun_is_canceled_at_once(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    canceled = await cancel(owner, run)
    assert (canceled.outcome, canceled.run.status) == ("CANCELED", "CANCELED")
    assert set((await statuses_of(owner, run)).values()) == {"CANCELED"}

    version = (await run_of(owner, run)).version
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).version == version
    assert [e.event.event for e in await events_of(owner, run)][-2:] == ["run.updated", "run.canceled"]


async def test_a_running_step_is_interrupted_and_its_provider_call_with_it(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    worker = a_worker(paying.parts)
    run = await a_picture(paying)
    await openai_server.script("timeout")
    job = await work_up_to(paying.parts, worker, paying, run, "draw")
    async with pulsing(worker), asyncio.TaskGroup() as group:
        group.create_task(worker.do(job))
        await openai_server.requests(at_least=1)
        (attempt,) = worker.attempts.values()
        canceled = await cancel(paying, run)
        assert (canceled.outcome, canceled.run.status) == ("REQUESTED", "RUNNING")
    assert attempt.task.cancelled()
    assert (await run_of(paying, run)).status == "CANCELED"
    assert await statuses_of(paying, run) == {"ask": "SUCCEEDED", "draw": "OUTCOME_UNKNOWN", "show": "CANCELED"}
    assert (await cancel(paying, run)).outcome == "CANCELED"


async def test_a_finished_run_is_not_canceled(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    await work_off(parts, a_worker(parts))
    before = await events_of(owner, run)
    canceled = await cancel(owner, run)
    assert (canceled.outcome, canceled.run.status) == ("ALREADY_FINISHED", "SUCCEEDED")
    assert await events_of(owner, run) == before


async def test_canceling_twice_changes_nothing_more(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    first = await cancel(owner, run)
    before = await events_of(owner, run)
    second = await cancel(owner, run)
    assert first == second
    assert await events_of(owner, run) == before


async def test_canceling_twice_while_a_step_runs_changes_nothing_more(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "draw")))
    first, second = await cancel(owner, run), await cancel(owner, run)
    assert first.outcome == second.outcome == "REQUESTED"
    assert first.run.version == second.run.version


async def test_a_canceled_run_ends_although_its_worker_went_away(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "draw"), -1))
    assert (await cancel(owner, run)).outcome == "REQUESTED"
    await a_reconciler(parts).reconcile()
    assert (await run_of(owner, run)).status == "CANCELED"


async def test_a_worker_that_leaves_ends_a_run_that_is_to_be_canceled(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    nodes = [node("ask", "input", name="prompt"), node("write", "prompt", template="{{prompt}}")]
    run = await a_run(paying, nodes, edges("ask>write"), prompt="Rome")
    claim = await as_engine(paying, claim_of(paying.parts, (await jobs_of(paying.parts))[0]))
    await cancel(paying, run)
    await as_engine(paying, ReleaseStep(run_id=run.id, step_id=claim.step.id, epoch=claim.step.epoch))
    assert (await run_of(paying, run)).status == "CANCELED"
    assert await jobs_of(paying.parts) == []


async def test_a_cancel_in_the_moment_of_completion_leaves_one_ending(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    nodes = [node("ask", "input", name="prompt"), node("out", "output")]
    outcomes = set()
    async with pulsing(worker):
        for _ in range(50):
            run = await a_run(owner, nodes, edges("ask>out"), prompt="Rome")
            outcome, _ = await asyncio.gather(_cancel_soon(owner, run), work_off(parts, worker))
            outcomes.add(str(outcome))
            await _ended_once(owner, run, outcome)
    assert len(outcomes) > 1, "the race was never close"


async def _cancel_soon(owner: Tenant, run: Run) -> str:
    await asyncio.sleep(random.uniform(0, 0.03))  # noqa: S311 - any moment will do
    return (await cancel(owner, run)).outcome


_EITHER = {"SUCCEEDED", "CANCELED"}


async def _ended_once(owner: Tenant, run: Run, outcome: str) -> None:
    done = await run_of(owner, run)
    # What was asked for while the last step was under way may have come too late.
    assert done.status in {"ALREADY_FINISHED": {"SUCCEEDED"}, "CANCELED": {"CANCELED"}}.get(outcome, _EITHER)
    told = [envelope.event.event for envelope in await events_of(owner, run)]
    endings = [event for event in told if event not in {"run.updated", "step.updated"}]
    assert endings == ["run.completed" if done.status == "SUCCEEDED" else "run.canceled"]
    statuses = [*(await statuses_of(owner, run)).values()]
    assert set(statuses) <= {"SUCCEEDED", "CANCELED"}
    assert statuses.count("SUCCEEDED") == done.steps_done
    assert await images_of(owner, run) == []
