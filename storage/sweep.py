"""What has served its time and is removed."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.failures import spoken_plainly
from storage.idempotency import forget_old

JOB_LOG_HOURS = 24
DELIVERY_DAYS = 30

_FORGET_JOBS = text("DELETE FROM pgqueuer_log WHERE created < now() - make_interval(hours => :hours)")
_FORGET_COUNTS = text("DELETE FROM pgqueuer_statistics WHERE created < now() - make_interval(hours => :hours)")


# Of a run's callback, which is nobody's to delete, the last delivery takes its endpoint with it.
_FORGET_DELIVERIES = text("DELETE FROM webhook_deliveries WHERE created_at < now() - make_interval(days => :days)")
_FORGET_CALLBACKS = text("""
    DELETE FROM webhook_endpoints WHERE run_id IS NOT NULL AND created_at < now() - make_interval(days => :days)
""")


async def sweep(engine: AsyncEngine) -> None:
    """Remove idempotency keys and the job queue's own history after a day, what webhooks were told after a month."""
    with spoken_plainly():
        async with engine.begin() as connection:
            await forget_old(connection)
            for forget in (_FORGET_JOBS, _FORGET_COUNTS):
                await connection.execute(forget, {"hours": JOB_LOG_HOURS})
            for forget in (_FORGET_DELIVERIES, _FORGET_CALLBACKS):
                await connection.execute(forget, {"days": DELIVERY_DAYS})
