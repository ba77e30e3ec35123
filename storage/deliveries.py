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

# A slow receiver takes so many senders and no more, and so does a project; the callbacks of a project are one receiver.
MOST_OF_ONE_RECEIVER = 4
MOST_OF_ONE_PROJECT = 8
CANDIDATES = 5

# Whoever was given one and has said nothing by the time it is due again has gone away. The endpoints with open
# deliveries are found by jumping from one to the next in the index, however many each has; the projects with fewest on
# their way go first. Which of the candidates is taken, the lock decides.
_TAKE = text("""
    WITH RECURSIVE sending AS MATERIALIZED (
        SELECT endpoint.project_id, endpoint.run_id IS NOT NULL AS of_run, endpoint.id, count(*) AS number
        FROM webhook_deliveries AS delivery JOIN webhook_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id
        WHERE delivery.status = 'SENDING' AND delivery.due_at > now()
        GROUP BY endpoint.id
    ), asked(endpoint_id) AS (
        (SELECT endpoint_id FROM webhook_deliveries WHERE status IN ('PENDING', 'SENDING') ORDER BY endpoint_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT endpoint_id FROM webhook_deliveries
            WHERE status IN ('PENDING', 'SENDING') AND endpoint_id > asked.endpoint_id ORDER BY endpoint_id LIMIT 1
        ) FROM asked WHERE asked.endpoint_id IS NOT NULL
    ), candidates AS MATERIALIZED (
        SELECT oldest.id FROM asked JOIN webhook_endpoints AS endpoint ON endpoint.id = asked.endpoint_id,
        LATERAL (
            SELECT id, due_at FROM webhook_deliveries
            WHERE endpoint_id = endpoint.id AND status IN ('PENDING', 'SENDING') AND due_at <= now()
            ORDER BY due_at, id LIMIT 1
        ) AS oldest, LATERAL (
            SELECT coalesce(sum(number), 0) AS of_project, coalesce(sum(number) FILTER (
                WHERE sending.id = endpoint.id OR (sending.of_run AND endpoint.run_id IS NOT NULL)
            ), 0) AS of_receiver
            FROM sending WHERE sending.project_id = endpoint.project_id
        ) AS under_way
        WHERE endpoint.enabled AND endpoint.deleted_at IS NULL
            AND under_way.of_receiver < :most_of_receiver AND under_way.of_project < :most_of_project
        ORDER BY under_way.of_project, oldest.due_at, oldest.id LIMIT :candidates
    ), taken AS (
        SELECT id FROM webhook_deliveries
        WHERE id IN (SELECT id FROM candidates) AND status IN ('PENDING', 'SENDING') AND due_at <= now()
        ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook_deliveries
    SET status = 'SENDING', attempt = attempt + 1, epoch = epoch + 1,
        due_at = now() + make_interval(secs => :given_seconds)
    FROM taken WHERE webhook_deliveries.id = taken.id
    RETURNING webhook_deliveries.id::text, now()
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
        values = {
            "given_seconds": given_seconds,
            "most_of_receiver": MOST_OF_ONE_RECEIVER,
            "most_of_project": MOST_OF_ONE_PROJECT,
            "candidates": CANDIDATES,
        }
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
