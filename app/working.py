"""Workers of this process: claim steps while the block lasts, then drain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.parts import Parts
from engine.reconciler import Reconciler
from engine.worker import Worker, WorkerLimits
from storage.jobs import dispatch
from storage.pool import asyncpg_url

UNWIND_SECONDS = 5.0


@asynccontextmanager
async def working(parts: Parts) -> AsyncIterator[None]:
    """Nothing where the settings ask for no workers."""
    settings = parts.settings
    if settings.workers == 0:
        yield
        return
    limits = WorkerLimits(lease_seconds=settings.lease_seconds, step_seconds=settings.step_seconds)
    worker = Worker(parts.database.begin, parts.leases, parts.toolbox, limits)
    reconciler = Reconciler(parts.database.begin, parts.leases, lease_seconds=settings.lease_seconds)
    stop = asyncio.Event()
    url = asyncpg_url(parts.database_url)
    dispatching = asyncio.create_task(dispatch(url, worker.work, concurrency=settings.workers, stop=stop))
    watching = [asyncio.create_task(worker.pulse()), asyncio.create_task(reconciler.run())]
    try:
        yield
    finally:
        stop.set()
        await _drain(dispatching, worker, settings.drain_seconds)
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)


async def _drain(dispatching: "asyncio.Task[None]", worker: Worker, drain_seconds: float) -> None:
    """What is under way may finish; what takes longer is given back."""
    await asyncio.wait({dispatching}, timeout=drain_seconds)
    worker.release_all()
    await asyncio.wait({dispatching}, timeout=max(UNWIND_SECONDS, drain_seconds))
    dispatching.cancel()
    await asyncio.wait({dispatching}, timeout=UNWIND_SECONDS)
