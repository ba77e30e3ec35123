"""What the engine is measured against: the least that durable steps can cost, and a job queue that keeps no steps."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.core.qm import QueueManager
from pgqueuer.models import Job
from pgqueuer.queries import Queries

HANDS = 8

_TABLES = """
    CREATE SCHEMA IF NOT EXISTS floor;
    CREATE TABLE IF NOT EXISTS floor.runs (id uuid PRIMARY KEY, status text, done integer);
    CREATE TABLE IF NOT EXISTS floor.steps (
        id uuid PRIMARY KEY, run_id uuid, position integer, status text, epoch integer, inputs jsonb, outputs jsonb
    );
    CREATE INDEX IF NOT EXISTS ix_floor_steps ON floor.steps (run_id, position);
    CREATE TABLE IF NOT EXISTS floor.events (seq bigserial PRIMARY KEY, run_id uuid, event text, payload jsonb);
"""
_PAYLOAD = '{"id": "01a1fd81-e544-7fc4-9962-975f26783b07", "status": "RUNNING", "outputs": {"text": "x"}}'


async def hand_written(url: str, runs: int, steps: int) -> float:
    """Steps a second of hand-written SQL: claim and finish are a commit each, with an event, and nothing else."""
    async with asyncpg.create_pool(url, min_size=HANDS, max_size=HANDS) as pool:
        await pool.execute(_TABLES)
        ids = [uuid4() for _ in range(runs)]
        await pool.executemany("INSERT INTO floor.runs VALUES ($1, 'QUEUED', 0)", [(id_,) for id_ in ids])
        rows = [(uuid4(), id_, number) for id_ in ids for number in range(steps)]
        await pool.executemany("INSERT INTO floor.steps VALUES ($1, $2, $3, 'PENDING', 0, '{}', '{}')", rows)
        waiting = iter(ids)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(_do_runs(pool, waiting, steps) for _ in range(HANDS)))
        return runs * steps / (asyncio.get_running_loop().time() - began)


async def _do_runs(pool: asyncpg.Pool, waiting: Iterator[UUID], steps: int) -> None:
    for run_id in waiting:  # which the hands share
        for position in range(steps):
            await _change(pool, run_id, position, "RUNNING")
            await _change(pool, run_id, position, "SUCCEEDED")


async def _change(pool: asyncpg.Pool, run_id: UUID, position: int, status: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchrow("SELECT * FROM floor.runs WHERE id = $1 FOR UPDATE", run_id)
        change = "UPDATE floor.steps SET status = $3, epoch = epoch + 1 WHERE run_id = $1 AND position = $2"
        await connection.execute(change, run_id, position, status)
        await connection.execute("UPDATE floor.runs SET done = $2 WHERE id = $1", run_id, position)
        told = "INSERT INTO floor.events (run_id, event, payload) VALUES ($1, $2, $3)"
        await connection.execute(told, run_id, status, _PAYLOAD)


async def job_queue(url: str, jobs: int) -> float:
    """Jobs a second of pgqueuer alone, each of which does nothing."""
    async with asyncpg.create_pool(url, min_size=2, max_size=4) as pool:
        queries = Queries(AsyncpgPoolDriver(pool))
        await queries.enqueue(["nothing"] * jobs, [None] * jobs, [0] * jobs)
        queue = QueueManager(queries)
        left = jobs
        began = asyncio.get_running_loop().time()

        @queue.entrypoint("nothing", accepts_context=False)
        async def nothing(_: Job) -> None:
            nonlocal left
            left -= 1
            if not left:
                queue.shutdown.set()

        await queue.run(batch_size=HANDS, max_concurrent_tasks=2 * HANDS, dequeue_timeout=timedelta(seconds=1))
        return jobs / (asyncio.get_running_loop().time() - began)
