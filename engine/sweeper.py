"""The sweeper: what has served its time is removed, now and then."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

EVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)


async def sweep_for_ever(sweep: Callable[[], Awaitable[None]], every_seconds: float = EVERY_SECONDS) -> None:
    """Sweeping may fail, as while the database is away: the next time will do."""
    while True:
        try:
            await sweep()
        except Exception:
            log.exception("sweeping failed")
        await asyncio.sleep(every_seconds)
