"""Providers that fail, refuse, fall silent or answer with nonsense; a store that does not keep."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from app.parts import Parts
from app.settings import Settings
from domain.errors import ErrorCode
from domain.runs import Run
from domain.steps import Step
from tests.engine.crew import (
    a_picture,
    a_run,
    a_worker,
    edges,
    images_of,
    jobs_of,
    node,
    paid_studio,
    run_of,
    statuses_of,
    steps_of,
    work_off,
    work_up_to,
)
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, tenant


async def drawn(owner: Tenant, **config: object) -> tuple[Run, Step]:
    """A picture's run after all that could be done was done, and the step that drew."""
    run = await a_picture(owner, **config)
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run), (await steps_of(owner, run))["draw"]


async def test_a_provider_that_recovers_is_asked_again(paying: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("429", "500")
    run, step = await drawn(paying, count=2)
    assert (run.status, run.metrics.retries, step.attempt) == ("SUCCEEDED", 2, 3)
    assert run.metrics.cost == step.cost == Decimal(2)
    assert len(await images_of(paying, run)) == 2
    calls = await openai_server.requests()
    assert {call["idempotency_key"] for call in calls} == {step.id}
    assert {call["trace_id"] for call in calls} == {run.trace_id}
    assert len(calls) == 3


async def test_a_provider_that_says_when_is_not_asked_before(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    run = await a_picture(paying)
    await openai_server.script("429")
    await worker.do(await work_up_to(paying.parts, worker, paying, run, "draw"))
    (job,) = await jobs_of(paying.parts)
    step = (await steps_of(paying, run))["draw"]
    assert job.delay_seconds == 7
    assert (step.status, step.attempt) == ("QUEUED", 1)
    assert step.started_at is not None
    assert (step.available_at - step.started_at).total_seconds() >= 7


async def test_after_five_failures_it_is_not_asked_again(paying: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script(*["500"] * 6)
    run, step = await drawn(paying)
    assert (run.status, run.retries, step.status, step.attempt) == ("FAILED", 4, "FAILED", 5)
    assert run.error == step.error
    assert (run.error and run.error.code, run.error and run.error.node_id) == (ErrorCode.PROVIDER_FAILED, "draw")
    assert len(await openai_server.requests()) == 5


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("policy", ErrorCode.PROVIDER_REFUSED),
        ("401", ErrorCode.PROVIDER_FAILED),
        ("429-quota", ErrorCode.QUOTA_EXCEEDED),
        ("not-a-picture", ErrorCode.PROVIDER_FAILED),
        ("fewer", ErrorCode.PROVIDER_FAILED),
    ],
)
async def test_what_asking_again_cannot_help_fails_at_once(
    paying: Tenant, openai_server: OpenAIServer, behaviour: str, code: ErrorCode
) -> None:
    await openai_server.script(behaviour)
    run, step = await drawn(paying, count=2)
    assert (run.status, run.error and run.error.code) == ("FAILED", code)
    assert await statuses_of(paying, run) == {"ask": "SUCCEEDED", "draw": "FAILED", "show": "SKIPPED"}
    assert run.cost == step.cost == 0
    assert await images_of(paying, run) == []
    assert len(await openai_server.requests()) == 1


@pytest.mark.parametrize("behaviour", ["timeout", "cut", "504", "cut-mid-body"])
async def test_a_paid_call_whose_answer_is_lost_is_not_repeated(
    settings: Settings, database_url: str, openai_server: OpenAIServer, behaviour: str
) -> None:
    async with paid_studio(settings, database_url, openai_server, openai_timeout_seconds=1) as owner:
        await openai_server.script(behaviour)
        run, step = await drawn(owner)
    assert (run.status, step.status, step.attempt) == ("WAITING", "WAITING", 1)
    assert step.error is not None
    assert step.error.code is ErrorCode.OUTCOME_UNKNOWN
    assert len(await openai_server.requests()) == 1


async def test_a_step_that_takes_longer_than_it_may_is_stopped(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts, step_seconds=0.5)
    run = await a_picture(paying)
    await openai_server.script("timeout")
    await worker.do(await work_up_to(paying.parts, worker, paying, run, "draw"))
    assert (await steps_of(paying, run))["draw"].status == "WAITING"
    assert (await run_of(paying, run)).status == "WAITING"


async def test_a_failure_waits_for_the_sibling_that_still_runs(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    nodes = [
        node("ask", "input", name="prompt"),
        node("good", "generate_image"),
        node("bad", "generate_image"),
        node("after", "output"),
    ]
    run = await a_run(paying, nodes, edges("ask>good", "ask>bad", "good>after"), prompt="A kite")
    await worker.do((await jobs_of(paying.parts))[0])
    first, second = await jobs_of(paying.parts)
    await openai_server.script("slow", "policy")
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.do(first))
        await openai_server.requests(at_least=1)
        await worker.do(second)
        assert (await run_of(paying, run)).status == "RUNNING"
        await openai_server.release()
    statuses = await statuses_of(paying, run)
    assert sorted((statuses["good"], statuses["bad"])) == ["FAILED", "SUCCEEDED"]
    assert statuses["after"] == "SKIPPED"
    done = await run_of(paying, run)
    assert (done.status, len(await images_of(paying, run))) == ("FAILED", 1)
    assert done.cost == 1


async def test_a_text_that_cannot_be_kept_fails_its_step_and_is_not_bought_again(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    worker = a_worker(paying.parts)
    nodes = [node("ask", "input", name="prompt"), node("write", "enhance"), node("out", "output")]
    run = await a_run(paying, nodes, edges("ask>write", "write>out"), prompt="A kite")
    await openai_server.script("nul")
    await work_off(paying.parts, worker)
    assert (await steps_of(paying, run))["write"].status == "FAILED"
    assert (await run_of(paying, run)).status == "FAILED"
    assert len(await openai_server.requests()) == 1


async def test_a_store_that_is_away_has_the_step_repeated(parts: Parts, settings: Settings) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    worker.toolbox = replace(parts.toolbox, store_seconds=0)
    run = await a_picture(owner)
    job = await work_up_to(parts, worker, owner, run, "draw")
    incoming = settings.data_dir / "objects" / "+incoming"
    incoming.rename(settings.data_dir / "away")
    await worker.do(job)
    step = (await steps_of(owner, run))["draw"]
    assert (step.status, step.attempt, await images_of(owner, run)) == ("QUEUED", 1, [])

    (settings.data_dir / "away").rename(incoming)
    await work_off(parts, worker)
    done = await run_of(owner, run)
    assert (done.status, done.retries, len(await images_of(owner, run))) == ("SUCCEEDED", 1, 1)


async def test_a_store_that_is_back_in_time_costs_no_second_call(
    paying: Tenant, openai_server: OpenAIServer, settings: Settings
) -> None:
    worker = a_worker(paying.parts)
    worker.toolbox = replace(paying.parts.toolbox, store_seconds=10)
    run = await a_picture(paying)
    job = await work_up_to(paying.parts, worker, paying, run, "draw")
    incoming = settings.data_dir / "objects" / "+incoming"
    incoming.rename(settings.data_dir / "away")
    async with asyncio.TaskGroup() as group:
        attempt = group.create_task(worker.do(job))
        await openai_server.requests(at_least=1)
        (settings.data_dir / "away").rename(incoming)
        await attempt
    assert (await steps_of(paying, run))["draw"].status == "SUCCEEDED"
    assert len(await openai_server.requests()) == 1
