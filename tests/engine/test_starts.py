"""Starts that are refused before anything is written, and starts that come often."""

import asyncio
from dataclasses import replace

from app.parts import Parts
from domain.errors import ErrorCode
from domain.ids import new_id
from domain.run_commands import CancelRun, RetryRun, StartRun
from domain.runs import Run
from tests.engine.crew import (
    a_picture,
    a_worker,
    a_workflow,
    edges,
    images_of,
    jobs_of,
    node,
    start,
)
from tests.engine.repeating import execute_sql, retry, worked_off
from tests.engine.reviews import refusal
from tests.studio import tenant

IMAGE_INPUT = [
    node("ask", "input", name="picture", type="image"),
    node("small", "transform_image", width=64, height=64),
    node("out", "output"),
]


async def test_an_image_to_start_from_must_be_the_projects(parts: Parts) -> None:
    owner, rival = await tenant(parts), await tenant(parts, "rival", "spy")
    (foreign,) = await images_of(rival, await worked_off(rival, await a_picture(rival)))
    workflow = await a_workflow(owner, IMAGE_INPUT, edges("ask>small", "small>out"))
    for id_ in (foreign.id, new_id()):
        refused = await refusal(start(owner, workflow, picture=id_))
        assert (refused.code, refused.details["field"]) == (ErrorCode.IMAGE_NOT_FOUND, "inputs.picture")
    assert (await parts.studio.reads.many(Run, owner.actor), await jobs_of(parts)) == ([], [])


async def test_a_retry_needs_the_image_it_started_from(parts: Parts) -> None:
    owner = await tenant(parts)
    (image,) = await images_of(owner, await worked_off(owner, await a_picture(owner)))
    workflow = await a_workflow(owner, IMAGE_INPUT, edges("ask>small", "small>out"))
    run = await worked_off(owner, await start(owner, workflow, picture=image.id))
    assert run.status == "SUCCEEDED"
    await execute_sql(owner, "UPDATE images SET deleted_at = now()")
    refused = await refusal(retry(owner, run, failed_only=False))
    assert (refused.code, refused.details["field"]) == (ErrorCode.IMAGE_NOT_FOUND, "inputs.picture")


async def test_fifty_identical_starts_and_retries_at_once_are_one_each(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await owner.hero_image()
    once = StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, client_mutation_id="start-this-only-once")
    started = await asyncio.gather(*(owner.do(once) for _ in range(50)))
    assert len({run.id for run in started}) == len(await parts.studio.reads.many(Run, owner.actor)) == 1
    assert len(await jobs_of(parts)) == 1

    await owner.do(CancelRun(id=started[0].id))
    again = RetryRun(id=started[0].id, client_mutation_id="retry-this-only-once")
    repeated = await asyncio.gather(*(owner.do(again) for _ in range(50)))
    assert len({run.id for run in repeated}) == 1
    assert len(await parts.studio.reads.many(Run, owner.actor)) == 2


async def test_a_job_carries_its_runs_trace_however_it_is_put(parts: Parts) -> None:
    owner = await tenant(parts)
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    run = await a_picture(replace(owner, actor=replace(owner.actor, trace_id=trace_id)))
    (first,) = await jobs_of(parts)
    assert first.trace_id == trace_id

    await a_worker(parts).do(first)
    (second,) = await jobs_of(parts)
    assert (second.run_id, second.trace_id) == (run.id, trace_id)
    await execute_sql(owner, "UPDATE steps SET available_at = now() - interval '1 minute' WHERE status = 'QUEUED'")
    assert await parts.leases.requeue_stranded(1.0) == 1
    assert [job.trace_id for job in await jobs_of(parts)] == [trace_id]
