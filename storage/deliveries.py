"""Deliveries that are due: each given to one sender at a time, for as long as sending may take."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ids import Id
from domain.webhook_deliveries import WebhookDelivery
from domain.webhooks import WebhookEndpoint
from storage.failures import spoken_plainly
from storage.statements import select_of
from storage.tables import TABLES

# A slow receiver takes so many senders and no more; the callbacks of a project count as one.
MOST_OF_ONE_RECEIVER = 4

# Whoever was given one and has said nothing by the time it is due again has gone away.
_TAKE = text("""
    WITH full_ones AS MATERIALIZED (
        SELECT CASE WHEN endpoint.run_id IS NULL THEN endpoint.id ELSE endpoint.project_id END AS receiver
        FROM webhook_deliveries AS delivery JOIN webhook_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id
        WHERE delivery.status = 'SENDING' AND delivery.due_at > now()
        GROUP BY receiver HAVING count(*) >= :most_of_one
    )
    UPDATE webhook_deliveries
    SET status = 'SENDING', attempt = attempt + 1, epoch = epoch + 1,
        due_at = now() + make_interval(secs => :given_seconds)
    WHERE id = (
        SELECT delivery.id FROM webhook_deliveries AS delivery
        JOIN webhook_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id
        WHERE delivery.status IN ('PENDING', 'SENDING') AND delivery.due_at <= now()
            AND endpoint.enabled AND endpoint.deleted_at IS NULL
            AND CASE WHEN endpoint.run_id IS NULL THEN endpoint.id ELSE endpoint.project_id END NOT IN (
                SELECT receiver FROM full_ones
            )
        ORDER BY delivery.due_at, delivery.id LIMIT 1 FOR UPDATE OF delivery SKIP LOCKED
    )
    RETURNING id::text, now()
""")


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that is this sender's until it is due again, and the moment it was taken."""

    delivery: WebhookDelivery
    endpoint: WebhookEndpoint
    now: datetime


class DueDeliveries:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def take(self, given_seconds: float) -> Taken | None:
        """The one that has been due for longest; None where none is."""
        values = {"given_seconds": given_seconds, "most_of_one": MOST_OF_ONE_RECEIVER}
        with spoken_plainly():
            async with self.engine.begin() as connection:
                row = (await connection.execute(_TAKE, values)).first()
                if row is None:
                    return None
                of_delivery = select_of(WebhookDelivery).where(TABLES[WebhookDelivery].c.id == Id(row.id))
                delivery = WebhookDelivery(**(await connection.execute(of_delivery)).mappings().one())
                of_endpoint = select_of(WebhookEndpoint).where(TABLES[WebhookEndpoint].c.id == delivery.endpoint_id)
                endpoint = WebhookEndpoint(**(await connection.execute(of_endpoint)).mappings().one())
        return Taken(delivery, endpoint, row.now)
