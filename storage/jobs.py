"""
Step jobs in pgqueuer, which wakes workers and does nothing else.

A job says "work on this step as it is at this epoch". The step's row is the truth: a job that is lost is put again by
the reconciler, one that comes twice or too late finds the epoch gone by and does nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ports import StepJob
from storage.columns import to_json

ENTRYPOINT = "step"
RECONNECT_SECONDS = 1.0
POLL_SECONDS = 1.0  # how late a job is when its notification is lost, as after an outage
BATCH = 10

log = structlog.get_logger(__name__)
_decode = msgspec.json.Decoder(StepJob)


class _TransactionDriver:
    """Lets pgqueuer speak inside the transaction that is open on this connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def fetch(self, query: str, *args: object) -> list[dict[str, Any]]:
        result = await self.connection.exec_driver_sql(query, args)
        return [dict(row) for row in result.mappings()]


async def enqueue(connection: AsyncConnection, jobs: Sequence[StepJob]) -> None:
    """Put jobs in the transaction of what they are about. One that is there already stays as it is."""
    queries = Queries(_TransactionDriver(connection))  # type: ignore[arg-type] # enqueueing only fetches
    await queries.enqueue(
        [ENTRYPOINT] * len(jobs),
        [to_json(job).encode() for job in jobs],
        [job.priority for job in jobs],
        execute_after=[timedelta(seconds=job.delay_seconds) for job in jobs],
        dedupe_key=[f"{job.step_id}:{job.epoch}" for job in jobs],
        on_conflict="skip",
    )


async def dispatch(
    url: str, work: Callable[[StepJob], Awaitable[None]], *, concurrency: int, stop: asyncio.Event
) -> None:
    """Hand jobs to `work`, at most `concurrency` at once, until told to stop; connections that break are replaced."""
    while not stop.is_set():
        try:
            async with asyncpg.create_pool(url, min_size=2, max_size=4, command_timeout=30) as pool:
                await _dispatch_over(pool, work, concurrency, stop)
        except Exception as error:  # noqa: BLE001 - whatever it was, a worker that no longer listens helps nobody
            log.warning("job queue interrupted", error=repr(error))
            await _until(stop, RECONNECT_SECONDS)


async def _dispatch_over(
    pool: asyncpg.Pool, work: Callable[[StepJob], Awaitable[None]], concurrency: int, stop: asyncio.Event
) -> None:
    queue = PgQueuer(AsyncpgPoolDriver(pool))
    places = asyncio.Semaphore(concurrency)  # pgqueuer takes two jobs where one is asked for

    @queue.entrypoint(ENTRYPOINT, accepts_context=False)
    async def _work(job: Job) -> None:
        async with places:
            await work(_decode.decode(job.payload or b""))

    batch = max(1, min(BATCH, concurrency // 2))
    running = asyncio.create_task(
        queue.qm.run(
            batch_size=batch,
            max_concurrent_tasks=max(2 * batch, concurrency),
            dequeue_timeout=timedelta(seconds=POLL_SECONDS),
            shutdown_on_listener_failure=True,
        )
    )
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        queue.shutdown.set()
        await running
    finally:
        stopping.cancel()
        running.cancel()


async def _until(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
