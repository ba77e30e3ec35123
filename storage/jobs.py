"""
Jobs in pgqueuer, which wakes workers and does nothing else.

A job says that one more step is queued, or one more delivery due; whose turn it is, their rows say. A job that is lost
is put again by the reconciler, one that comes twice or too late finds nothing to do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.core.qm import QueueManager
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ports import DeliveryJob, StepJob
from storage.columns import to_json

STEP, DELIVERY = "step", "delivery"
RECONNECT_SECONDS = 1.0
POLL_SECONDS = 1.0  # how late a job is when its notification is lost, as after an outage
SIGN_SECONDS = 5.0  # without a sign of life for so long, whoever took a job is taken for dead, and another takes it
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


class _Ear(AsyncpgPoolDriver):
    """
    Hears of new jobs, and of however many only once until they are looked for.

    That jobs were taken and finished is no reason to look for others, and all that is told and not read would pile up.
    """

    has_heard = False

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool)
        self.listens = asyncio.Event()

    async def add_listener(self, channel: str, callback: Callable[[str | bytes | bytearray], None]) -> None:
        def hear(payload: str | bytes | bytearray) -> None:
            told = msgspec.json.decode(payload)
            if told.get("type") == "table_changed_event":
                if self.has_heard or told.get("operation") != "insert":
                    return
                self.has_heard = True
            callback(payload)

        await super().add_listener(channel, hear)
        self.listens.set()


class _Calls(Queries):
    """Whoever looks for jobs wants to hear of those that come from then on, and is asked for an echo only then."""

    driver: _Ear

    async def notify_health_check(self, *arguments: Any, **named: Any) -> None:
        await self.driver.listens.wait()  # an echo of what was called before is never heard
        await super().notify_health_check(*arguments, **named)

    async def dequeue(self, *arguments: Any, **named: Any) -> list[Job]:
        self.driver.has_heard = False
        return await super().dequeue(*arguments, **named)


async def enqueue(connection: AsyncConnection, jobs: Sequence[StepJob | DeliveryJob]) -> None:
    """Put jobs in the transaction of what they are about. One that is there already stays as it is."""
    queries = Queries(_TransactionDriver(connection))  # type: ignore[arg-type] # enqueueing only fetches
    await queries.enqueue(
        [STEP if isinstance(job, StepJob) else DELIVERY for job in jobs],
        [to_json(job).encode() for job in jobs],
        [0] * len(jobs),
        execute_after=[timedelta(seconds=job.delay_seconds) for job in jobs],
        dedupe_key=[job.key for job in jobs],
        on_conflict="skip",
    )


async def dispatch(
    url: str,
    work: Callable[[StepJob], Awaitable[None]],
    deliver: Callable[[], None],
    *,
    concurrency: int,
    stop: asyncio.Event,
) -> None:
    """
    Hand step jobs to `work`, at most `concurrency` at once, until told to stop; then wait for those under way.

    For a delivery's job `deliver` is called, which only notes that something is due.
    """
    hands = _Hands(work, concurrency)
    while not stop.is_set():
        try:
            await _dispatch_once(url, hands, deliver, stop)
        except Exception as error:  # noqa: BLE001 - whatever it was, a worker that no longer listens helps nobody
            log.warning("job queue interrupted", error=repr(error))
            await _until(stop, RECONNECT_SECONDS)
    await hands.at_rest()


class _Hands:
    """What is being worked on. It outlives the queue's connections, as the step's row is the truth and not the job."""

    def __init__(self, work: Callable[[StepJob], Awaitable[None]], places: int) -> None:
        self.places = places
        self._work = work
        self._free = asyncio.Semaphore(places)  # pgqueuer takes two jobs where one is asked for
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, job: StepJob, let_go: asyncio.Event) -> None:
        """Returns when the job is done, or before that when the queue lets go of it."""
        task = asyncio.create_task(self._do(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        letting_go = asyncio.create_task(let_go.wait())
        await asyncio.wait({task, letting_go}, return_when=asyncio.FIRST_COMPLETED)
        letting_go.cancel()

    async def _do(self, job: StepJob) -> None:
        async with self._free:
            try:
                await self._work(job)
            except Exception as error:  # noqa: BLE001 - the lease ends, and the step is taken up again
                log.warning("a job was not done", step_id=job.step_id, error=repr(error))

    async def at_rest(self) -> None:
        try:
            await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()


async def _dispatch_once(url: str, hands: _Hands, deliver: Callable[[], None], stop: asyncio.Event) -> None:
    """Until told to stop, or a connection breaks: then what listens must be made anew at once."""
    let_go = asyncio.Event()

    async def watch(connection: asyncpg.Connection) -> None:
        connection.add_termination_listener(lambda _: let_go.set())

    pool = await asyncpg.create_pool(url, min_size=2, max_size=4, command_timeout=30, init=watch)
    stopping = asyncio.create_task(stop.wait())
    stopping.add_done_callback(lambda _: let_go.set())
    try:
        queue = QueueManager(_Calls(_Ear(pool)))
        queue.shutdown = let_go

        @queue.entrypoint(STEP, accepts_context=False)
        async def _work(job: Job) -> None:
            await hands.take(_decode.decode(job.payload or b""), let_go)

        @queue.entrypoint(DELIVERY, accepts_context=False)
        async def _deliver(_: Job) -> None:
            deliver()

        await _run(queue, hands.places)
    finally:
        stopping.cancel()
        pool.terminate()  # closing would wait for connections that are no more


async def _run(queue: QueueManager, places: int) -> None:
    batch = max(1, min(BATCH, places // 2))
    await queue.run(
        batch_size=batch,
        max_concurrent_tasks=max(2 * batch, places),
        dequeue_timeout=timedelta(seconds=POLL_SECONDS),
        heartbeat_timeout=timedelta(seconds=SIGN_SECONDS),
        shutdown_on_listener_failure=True,
    )


async def _until(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
