"""What has served its time and is removed."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.failures import spoken_plainly
from storage.idempotency import forget_old

JOB_LOG_HOURS = 24

_FORGET_JOBS = text("DELETE FROM pgqueuer_log WHERE created < now() - make_interval(hours => :hours)")
_FORGET_COUNTS = text("DELETE FROM pgqueuer_statistics WHERE created < now() - make_interval(hours => :hours)")


async def sweep(engine: AsyncEngine) -> None:
    """Remove idempotency keys and the job queue's own history after a day."""
    with spoken_plainly():
        async with engine.begin() as connection:
            await forget_old(connection)
            for forget in (_FORGET_JOBS, _FORGET_COUNTS):
                await connection.execute(forget, {"hours": JOB_LOG_HOURS})
