"""Runs and steps that take longer than they may."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.parts import Parts
from domain.errors import ErrorCode
from domain.execution import FinishStep
from domain.kinds.kind import StepResult
from domain.problems import problems
from domain.run_commands import CancelRun, ExpireRun, StartRun
from domain.runs import Run
from tests.domain.building import picture_graph
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
    steps_of,
    work_off,
    work_up_to,
)
from tests.engine.maps import drawing, listed, work_up_to_copies
from tests.engine.repeating import execute_sql, retry, worked_off
from tests.engine.reviews import a_review, code_of, refusal, submit, waiting
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of, tenant


async def make_late(owner: Tenant) -> None:
    await execute_sql(owner, "UPDATE runs SET deadline = now() - interval '1 millisecond'")


def is_late(run: Run) -> bool:
    return (run.status, run.error and run.error.code) == ("FAILED", ErrorCode.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=1), timedelta(days=10_000)])
async def test_a_deadline_that_is_past_is_refused(parts: Parts, ago: timedelta) -> None:
    owner = await tenant(parts)
    workflow = await owner.hero_image()
    past = StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, deadline=datetime.now(UTC) - ago)
    refused = await refusal(owner.do(past))
    assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, "deadline")
    assert (await parts.studio.reads.many(Run, owner.actor), await jobs_of(parts)) == ([], [])


async def test_a_run_that_is_done_in_time_has_nothing_to_fear(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await owner.hero_image()
    soon = datetime.now(UTC) + timedelta(hours=1)
    run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, deadline=soon))
    assert await code_of(as_engine(owner, ExpireRun(id=run.id))) == "CONFLICT"
    done = await worked_off(owner, run)
    await make_late(owner)
    await a_reconciler(parts).reconcile()
    assert ((await run_of(owner, run)).status, (await run_of(owner, run)).version) == ("SUCCEEDED", done.version)


async def test_a_late_run_that_nobody_works_at_fails(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    job = await work_up_to(parts, a_worker(parts), owner, run, "draw")
    await make_late(owner)
    await asyncio.gather(*(a_reconciler(parts).reconcile() for _ in range(3)))
    assert is_late(await run_of(owner, run))
    assert await statuses_of(owner, run) == {"ask": "SUCCEEDED", "draw": "SKIPPED", "show": "SKIPPED"}
    assert [one.event.event for one in await events_of(owner, run)].count("run.failed") == 1
    await a_worker(parts).do(job)
    assert await images_of(owner, run) == []


async def test_a_step_that_runs_is_interrupted_within_a_second(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    run = await a_picture(paying)
    await openai_server.script("timeout")
    job = await work_up_to(paying.parts, worker, paying, run, "draw")
    async with pulsing(worker), asyncio.TaskGroup() as group:
        group.create_task(worker.do(job))
        await openai_server.requests(at_least=1)
        (attempt,) = worker.attempts.values()
        await make_late(paying)
    late = await run_of(paying, run)
    assert is_late(late)
    assert attempt.task.cancelled()
    assert (await statuses_of(paying, run))["draw"] == "OUTCOME_UNKNOWN"
    assert late.deadline is not None
    assert late.finished_at is not None
    assert late.finished_at - late.deadline < timedelta(seconds=1)


async def test_every_copy_is_interrupted(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    nodes = [*listed("items"), drawing(), node("out", "output")]
    run = await a_run(paying, nodes, edges("items>many", "many>out"), items=["a", "b", "c"])
    jobs = await work_up_to_copies(paying, worker, run, "draw")
    await worker.do(jobs["many/0/draw"])
    await openai_server.script("timeout", "timeout")
    async with pulsing(worker), asyncio.TaskGroup() as group:
        group.create_task(worker.do(jobs["many/1/draw"]))
        group.create_task(worker.do(jobs["many/2/draw"]))
        await openai_server.requests(at_least=3)
        await make_late(paying)
    statuses = await statuses_of(paying, run)
    assert is_late(await run_of(paying, run))
    assert [statuses[f"many/{number}/draw"] for number in range(3)] == [
        "SUCCEEDED",
        "OUTCOME_UNKNOWN",
        "OUTCOME_UNKNOWN",
    ]
    assert (statuses["many"], statuses["out"]) == ("SKIPPED", "SKIPPED")


async def test_nobody_is_asked_any_more(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner)
    step = await waiting(owner, run)
    await make_late(owner)
    await a_reconciler(parts).reconcile()
    late = await run_of(owner, run)
    assert is_late(late)
    assert (late.steps_waiting, (await statuses_of(owner, run))["look"]) == (0, "SKIPPED")
    assert await code_of(submit(owner, step)) == "STEP_NOT_WAITING"


async def test_what_is_made_too_late_is_kept_and_the_run_fails(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [node("ask", "input", name="words"), node("out", "output")]
    run = await a_run(owner, nodes, edges("ask>out"), words="Rome")
    claim = await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "out")))
    await make_late(owner)
    result = StepResult(outputs={"value": "Rome"})
    await as_engine(owner, FinishStep(run_id=run.id, step_id=claim.step.id, epoch=claim.step.epoch, outcome=result))
    late = await run_of(owner, run)
    assert is_late(late)
    assert (late.outputs, (await statuses_of(owner, run))["out"]) == ({"out": "Rome"}, "SUCCEEDED")


async def test_nothing_more_is_begun_after_a_step_that_ended_too_late(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    (job,) = await jobs_of(parts)
    claim = await as_engine(owner, claim_of(parts, job))
    await make_late(owner)
    result = StepResult(outputs={"value": "A kite"})
    await as_engine(owner, FinishStep(run_id=run.id, step_id=claim.step.id, epoch=claim.step.epoch, outcome=result))
    assert is_late(await run_of(owner, run))
    assert await jobs_of(parts) == []


async def test_a_run_canceled_before_its_deadline_is_canceled(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    job = await work_up_to(parts, a_worker(parts), owner, run, "draw")
    await as_engine(owner, claim_of(parts, job, -1))
    await owner.do(CancelRun(id=run.id))
    await make_late(owner)
    await a_reconciler(parts).reconcile()
    canceled = await run_of(owner, run)
    assert (canceled.status, canceled.error) == ("CANCELED", None)


async def test_a_late_run_goes_on_when_it_is_retried(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    await work_up_to(parts, a_worker(parts), owner, run, "show")
    await make_late(owner)
    await a_reconciler(parts).reconcile()
    again = await worked_off(owner, await retry(owner, run))
    assert (again.status, again.deadline, again.steps_cached) == ("SUCCEEDED", None, 2)


async def test_a_step_has_the_time_that_its_node_allows_for_each_attempt(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await worked_off(owner, await a_picture(owner, timeoutSeconds=0.001, attempts=2))
    step = (await steps_of(owner, run))["draw"]
    assert is_late(run)
    assert (run.retries, step.attempt, step.error) == (1, 2, run.error)
    assert run.error is not None
    assert (run.error.node_id, run.error.message) == ("draw", "The step took longer than it may")
    assert await images_of(owner, run) == []


async def test_a_paid_step_that_is_cut_short_is_not_repeated(paying: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("timeout")
    run = await worked_off(paying, await a_picture(paying, timeoutSeconds=0.5))
    step = await waiting(paying, run, "draw")
    assert (run.status, step.error and step.error.code) == ("WAITING", ErrorCode.OUTCOME_UNKNOWN)
    assert len(await openai_server.requests()) == 1


async def test_a_node_cannot_allow_more_than_the_worker_does(paying: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("timeout")
    run = await a_picture(paying, timeoutSeconds=86_400)
    await work_off(paying.parts, a_worker(paying.parts, step_seconds=0.5))
    assert (await steps_of(paying, run))["draw"].status == "WAITING"


@pytest.mark.parametrize("setting", [{"timeoutSeconds": 0}, {"timeoutSeconds": -1}, {"timeoutSeconds": 86_401}])
@pytest.mark.parametrize("more", [{}, {"attempts": 0}, {"attempts": 11}, {"attempts": 1.5}])
def test_times_and_attempts_have_bounds(setting: dict[str, Any], more: dict[str, Any]) -> None:
    found = problems(picture_graph(**setting, **more))
    assert len(found) == 1 + len(more)
    assert {problem.code for problem in found} == {"INVALID_CONFIG"}
