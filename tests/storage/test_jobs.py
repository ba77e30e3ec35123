"""Jobs: they come with their transaction, wake a worker, and outlive the connection they came by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from app.parts import Parts
from domain.ids import new_id
from domain.ports import StepJob
from storage.jobs import dispatch, enqueue
from storage.pool import asyncpg_url
from tests.storage.job_rows import job_keys

LIMIT_SECONDS = 30


def a_job(delay_seconds: float = 0.0) -> StepJob:
    return StepJob(new_id(), new_id(), new_id(), 0, delay_seconds)


async def put(parts: Parts, *jobs: StepJob) -> None:
    async with parts.engine.begin() as connection:
        await enqueue(connection, jobs)


class Crew:
    """Counts what it is given; a job is done when its turn is let go."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[StepJob] = asyncio.Queue()
        self.now = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def work(self, job: StepJob) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.put_nowait(job)
        await self.gate.wait()
        self.now -= 1

    async def next(self) -> StepJob:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self.begun.get()


@asynccontextmanager
async def dispatching(parts: Parts, crew: Crew, concurrency: int = 4) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(
        dispatch(asyncpg_url(parts.database_url), crew.work, lambda: None, concurrency=concurrency, stop=stop)
    )
    try:
        yield
    finally:
        stop.set()
        crew.gate.set()
        async with asyncio.timeout(LIMIT_SECONDS):
            await task


async def test_a_job_reaches_a_worker_as_it_was_put(parts: Parts) -> None:
    crew, jobs = Crew(), [a_job(delay_seconds=0.01), a_job()]
    await put(parts, jobs[0])
    async with dispatching(parts, crew):
        assert await crew.next() == jobs[0]
        await put(parts, jobs[1])
        assert await crew.next() == jobs[1]
    assert await job_keys(parts) == []


async def test_a_job_of_a_transaction_that_failed_never_was(parts: Parts) -> None:
    async with parts.engine.connect() as connection:
        await enqueue(connection, [a_job()])
        await connection.rollback()
    assert await job_keys(parts) == []


async def test_a_job_put_twice_is_one(parts: Parts) -> None:
    job = a_job()
    await put(parts, job)
    await put(parts, job, a_job(), job)
    assert len(await job_keys(parts)) == 2


async def test_a_delayed_job_waits(parts: Parts) -> None:
    crew, delayed, prompt = Crew(), a_job(delay_seconds=1.0), a_job()
    await put(parts, delayed, prompt)
    async with dispatching(parts, crew):
        assert [await crew.next(), await crew.next()] == [prompt, delayed]


async def test_no_more_are_done_at_once_than_asked(parts: Parts) -> None:
    for concurrency in (1, 2, 5):
        crew, jobs = Crew(), [a_job() for _ in range(3 * concurrency)]
        crew.gate.clear()
        await put(parts, *jobs)
        async with dispatching(parts, crew, concurrency):
            for _ in range(concurrency):
                await crew.next()
            crew.gate.set()
            for _ in range(2 * concurrency):
                await crew.next()
        assert crew.most == concurrency


async def test_stopping_waits_for_what_is_under_way_and_takes_nothing_new(parts: Parts) -> None:
    crew, later = Crew(), a_job()
    crew.gate.clear()
    await put(parts, a_job())
    async with dispatching(parts, crew):
        await crew.next()
    await put(parts, later)
    assert crew.now == 0
    assert await job_keys(parts) == [f"{later.step_id}:0"]


async def test_a_job_that_fails_stops_nobody(parts: Parts) -> None:
    bad, good = a_job(), a_job()

    class Failing(Crew):
        async def work(self, job: StepJob) -> None:
            await super().work(job)
            if job == bad:
                raise ValueError

    crew = Failing()
    await put(parts, bad)
    async with dispatching(parts, crew):
        assert await crew.next() == bad
        await put(parts, good)
        assert await crew.next() == good


async def test_connections_that_break_are_replaced(parts: Parts) -> None:
    crew, job = Crew(), a_job()
    await put(parts, a_job())
    async with dispatching(parts, crew):
        await crew.next()
        async with parts.engine.begin() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid()"
                )
            )
        await put_when_possible(parts, job)
        assert await crew.next() == job


async def put_when_possible(parts: Parts, job: StepJob) -> None:
    await parts.engine.dispose()
    await put(parts, job)


async def test_a_job_that_a_dead_worker_had_taken_is_taken_by_another(parts: Parts) -> None:
    crew, job = Crew(), a_job()
    await put(parts, job)
    async with parts.engine.begin() as connection:
        taken = "UPDATE pgqueuer SET status = 'picked', heartbeat = now(), queue_manager_id = gen_random_uuid()"
        await connection.execute(text(taken))
    async with dispatching(parts, crew):
        assert await crew.next() == job
