"""Workers of this process: claim steps while the block lasts, then drain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from app.parts import Parts, reach_of
from app.settings import Settings
from engine.announcements import tell_for_ever
from engine.outbound import Sender
from engine.reconciler import Reconciler
from engine.sweeper import sweep_for_ever
from engine.webhooks import Deliverer
from engine.worker import Worker, WorkerLimits
from storage.deliveries import DueDeliveries
from storage.discarded import EVERY_SECONDS as REMOVE_SECONDS
from storage.discarded import remove_discarded
from storage.jobs import dispatch
from storage.pool import asyncpg_url
from storage.sweep import sweep

UNWIND_SECONDS = 5.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def working(parts: Parts) -> AsyncIterator[None]:
    """Nothing where the settings ask for no workers."""
    settings = parts.settings
    if settings.workers == 0:
        yield
        return
    limits = WorkerLimits(
        lease_seconds=settings.lease_seconds,
        step_seconds=settings.step_seconds,
        project_steps=settings.project_steps,
        provider_steps=settings.provider_steps,
    )
    worker = Worker(parts.database.begin, parts.leases, parts.turns, parts.toolbox, limits)
    reconciler = Reconciler(parts.database.begin, parts.leases, lease_seconds=settings.lease_seconds)
    stop = asyncio.Event()
    url = asyncpg_url(parts.database_url)
    deliverer = deliverer_of(parts)
    dispatching = asyncio.create_task(
        dispatch(url, worker.work, deliverer.call, concurrency=settings.workers, stop=stop)
    )
    sweeping = sweep_for_ever(partial(sweep, parts.engine))
    removing = sweep_for_ever(partial(remove_discarded, parts.engine, parts.objects), REMOVE_SECONDS)
    telling = tell_for_ever(parts.database.begin, parts.studio.announcements)
    going_on = (worker.pulse(), reconciler.run(), sweeping, removing, telling, deliverer.run())
    watching = [asyncio.create_task(task) for task in going_on]
    try:
        yield
    finally:
        stop.set()
        await _drain(dispatching, worker, settings)
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)


def deliverer_of(parts: Parts) -> Deliverer:
    """Sends this server's webhooks."""
    settings = parts.settings
    sender = Sender(reach_of(settings), limit_seconds=settings.webhook_seconds)
    due = DueDeliveries(parts.engine)
    return Deliverer(parts.database.begin, due, sender, parts.studio.webhook_secret, at_once=settings.webhook_senders)


async def _drain(dispatching: "asyncio.Task[None]", worker: Worker, settings: Settings) -> None:
    """What is under way may finish; what takes longer is given back, or, where it may be paid only once, awaited."""
    await asyncio.wait({dispatching}, timeout=settings.drain_seconds)
    worker.leave()
    if paid := sum(not attempt.claim.step.repeatable for attempt in worker.attempts.values()):
        log.warning("waiting for what is being paid for; stop once more to leave it", steps=paid)
    await asyncio.wait({dispatching}, timeout=(settings.step_seconds if paid else 0) + UNWIND_SECONDS)
    dispatching.cancel()
    await asyncio.wait({dispatching}, timeout=UNWIND_SECONDS)
