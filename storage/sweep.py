"""What has served its time and is removed."""

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.failures import spoken_plainly
from storage.idempotency import forget_old

JOB_LOG_HOURS = 24
VISIT_HOURS = 25
DELIVERY_DAYS = 30
UPLOAD_DAYS = 1
ROWS_AT_ONCE = 2_000

_FORGET_JOBS = text("DELETE FROM pgqueuer_log WHERE created < now() - make_interval(hours => :hours)")
_FORGET_COUNTS = text("DELETE FROM pgqueuer_statistics WHERE created < now() - make_interval(hours => :hours)")

_GIVE_UP_DELIVERIES = text("""
    UPDATE webhook_deliveries SET status = 'FAILED', error = 'The endpoint was deleted', finished_at = now()
    WHERE id IN (
        SELECT delivery.id FROM webhook_deliveries AS delivery
        JOIN webhook_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id
        WHERE delivery.status IN ('PENDING', 'SENDING') AND delivery.due_at < now()
            AND endpoint.deleted_at IS NOT NULL
        LIMIT :most FOR UPDATE OF delivery SKIP LOCKED
    )
""")
_FORGET_DELIVERIES = text("""
    DELETE FROM webhook_deliveries WHERE id IN (
        SELECT id FROM webhook_deliveries WHERE created_at < now() - make_interval(days => :days) LIMIT :most
    )
""")
# With an endpoint its last deliveries go; a callback is nobody's to delete, and ends with its run.
_FORGET_ENDPOINTS = text("""
    DELETE FROM webhook_endpoints WHERE id IN (
        SELECT endpoint.id FROM webhook_endpoints AS endpoint LEFT JOIN runs ON runs.id = endpoint.run_id
        WHERE coalesce(endpoint.deleted_at, runs.finished_at) < now() - make_interval(days => :days) LIMIT :most
    )
""")
_FORGET_UPLOADS = text("""
    DELETE FROM image_uploads WHERE id IN (
        SELECT id FROM image_uploads WHERE expires_at < now() - make_interval(days => :days) LIMIT :most
    )
""")


_FORGET_VISITS = text("DELETE FROM live_visits WHERE at < now() - make_interval(hours => :hours)")


async def sweep(engine: AsyncEngine) -> None:
    """
    Remove idempotency keys, the job queue's own history and direct uploads after a day, what webhooks were told after
    a month.
    """
    with spoken_plainly():
        async with engine.begin() as connection:
            await forget_old(connection)
            for forget in (_FORGET_JOBS, _FORGET_COUNTS):
                await connection.execute(forget, {"hours": JOB_LOG_HOURS})
            await connection.execute(_FORGET_VISITS, {"hours": VISIT_HOURS})
        await _in_parts(engine, _FORGET_UPLOADS, days=UPLOAD_DAYS)
        await _in_parts(engine, _GIVE_UP_DELIVERIES)
        for forget in (_FORGET_DELIVERIES, _FORGET_ENDPOINTS):
            await _in_parts(engine, forget, days=DELIVERY_DAYS)


async def _in_parts(engine: AsyncEngine, statement: TextClause, **values: int) -> None:
    """However much there is, no statement takes longer than it may."""
    changed = ROWS_AT_ONCE
    while changed == ROWS_AT_ONCE:
        async with engine.begin() as connection:
            changed = (await connection.execute(statement, {"most": ROWS_AT_ONCE, **values})).rowcount
