"""Workers that stop, databases that go away, and many runs at once: nothing is lost, nothing is done twice."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app.parts import Parts, open_parts
from app.settings import Settings
from app.working import working
from domain.errors import DomainError, ErrorCode
from domain.runs import Run
from tests.engine.crew import (
    a_picture,
    a_worker,
    finished,
    images_of,
    jobs_of,
    paid_studio,
    run_of,
    start,
    steps_of,
    until_step,
    work_off,
    work_up_to,
)
from tests.servers.openai_process import OpenAIServer
from tests.servers.postgres_process import PostgresProcess, start_postgres
from tests.studio import Tenant, tenant


@pytest.fixture
def postgres() -> Iterator[PostgresProcess]:
    with start_postgres() as process:
        yield process


async def test_a_worker_that_stops_gives_back_what_may_be_repeated(parts: Parts) -> None:
    owner, leaving = await tenant(parts), a_worker(parts)
    run = await a_picture(owner, count=8)
    job = await work_up_to(parts, leaving, owner, run, "draw")
    async with asyncio.TaskGroup() as group:
        group.create_task(leaving.do(job))
        await until_step(owner, run, "draw", "RUNNING")
        leaving.leave()
    step = (await steps_of(owner, run))["draw"]
    assert (step.status, step.attempt, step.epoch) == ("QUEUED", 0, 1)

    await work_off(parts, a_worker(parts))
    done, step = await run_of(owner, run), (await steps_of(owner, run))["draw"]
    assert (done.status, done.retries, step.attempt, step.epoch) == ("SUCCEEDED", 0, 1, 2)
    assert len(await images_of(owner, run)) == 8


async def test_stopping_waits_for_what_is_being_paid_for(
    settings: Settings, database_url: str, openai_server: OpenAIServer
) -> None:
    hurried = settings.model_copy(update={"drain_seconds": 0.2})
    async with paid_studio(hurried, database_url, openai_server) as owner:
        await openai_server.script("slow:1")
        async with working(owner.parts):
            run = await a_picture(owner)
            await openai_server.requests(at_least=1)
        assert (await steps_of(owner, run))["draw"].status == "SUCCEEDED"
        assert len(await openai_server.requests(at_least=1)) == 1


async def test_stopping_lets_what_is_nearly_done_finish(
    settings: Settings, database_url: str, openai_server: OpenAIServer
) -> None:
    patient = settings.model_copy(update={"drain_seconds": 30})
    async with paid_studio(patient, database_url, openai_server) as owner:
        await openai_server.script("slow:1")
        async with working(owner.parts):
            run = await a_picture(owner)
            await openai_server.requests(at_least=1)
        assert (await steps_of(owner, run))["draw"].status == "SUCCEEDED"
        async with working(owner.parts):
            assert (await finished(owner, run)).status == "SUCCEEDED"


async def test_a_step_whose_job_is_lost_is_found_by_the_workers_themselves(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    assert len(await jobs_of(parts)) == 1
    async with working(parts):
        assert (await finished(owner, run)).status == "SUCCEEDED"


async def test_what_was_paid_for_is_recorded_once_the_database_is_back(
    settings: Settings, postgres: PostgresProcess, openai_server: OpenAIServer
) -> None:
    async with paid_studio(settings, postgres.url, openai_server) as owner, working(owner.parts):
        await openai_server.script("slow")
        run = await a_picture(owner)
        await openai_server.requests(at_least=1)
        postgres.kill()
        await openai_server.release()
        # Longer than the lease: whoever takes lost steps back must not be faster than the worker that is alive.
        await asyncio.sleep(2 * settings.lease_seconds)
        postgres.start()

        done = await finished(owner, run)
        assert (done.status, done.error) == ("SUCCEEDED", None)
        assert len(await images_of(owner, run)) == 1
        assert len(await openai_server.requests()) == 1


async def test_workers_go_on_after_the_database_was_away(settings: Settings, postgres: PostgresProcess) -> None:
    async with open_parts(settings, postgres.url, "http://easel.test") as parts, working(parts):
        owner = await tenant(parts)
        await finished(owner, await a_picture(owner))
        for _ in range(2):
            postgres.kill()
            postgres.start()
            assert (await finished(owner, await _a_picture_soon(owner))).status == "SUCCEEDED"


async def test_something_unexpected_in_the_tables_stops_no_worker(parts: Parts) -> None:
    owner = await tenant(parts)
    async with working(parts):
        await _execute(parts, "ALTER TABLE steps RENAME COLUMN lease_until TO mislaid")
        await asyncio.sleep(1.5)  # the reconciler has looked at least once
        await _execute(parts, "ALTER TABLE steps RENAME COLUMN mislaid TO lease_until")
        run = await a_picture(owner)
        await jobs_of(parts)
        assert (await finished(owner, run)).status == "SUCCEEDED"


@pytest.mark.slow
async def test_a_hundred_runs_at_once_all_finish_and_no_step_is_done_twice(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await owner.hero_image()
    async with working(parts):
        runs = [await start(owner, workflow, prompt=f"Kite number {number}") for number in range(100)]
        done = [await finished(owner, run) for run in runs]
    assert {run.status for run in done} == {"SUCCEEDED"}
    assert sum(run.retries for run in done) == 0
    for run in runs:
        assert {(step.epoch, step.attempt) for step in (await steps_of(owner, run)).values()} == {(1, 1)}
        assert len(await images_of(owner, run)) == 1


async def _execute(parts: Parts, statement: str) -> None:
    async with parts.engine.begin() as connection:
        await connection.execute(text(statement))


async def _a_picture_soon(owner: Tenant) -> Run:
    """As clients do: again, where the server says that it may be tried again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await a_picture(owner)
            except DomainError as error:
                if error.code is not ErrorCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(0.1)
