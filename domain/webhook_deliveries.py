"""A webhook delivery: one event on its way to one endpoint, with what became of each attempt."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from domain.permissions import Actor
from domain.plain import rfc3339
from domain.ports import Command, DeliveryJob, Transaction
from domain.retry_schedule import Outcome, judge
from domain.webhooks import WebhookEndpoint, endpoint_of

TEST = "webhook.test"


class DeliveryStatus(StrEnum):
    """PENDING: to be sent when it is due. SENDING: under way. FAILED: given up, and still there to be sent again."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(slots=True, kw_only=True)
class WebhookDelivery:
    """
    `message_id` is what the receiver knows the message by, however often it is sent; `body` is what is sent.

    When it is due it is to be sent, or, if it is being sent, to be given to another sender. `epoch` counts how often it
    was given to one: what a sender says of it carries that.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    endpoint_id: Id
    message_id: Id
    event: str
    body: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempt: int = 0
    epoch: int = 0
    due_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    response_status: int | None = None
    response_excerpt: str | None = None
    error: str | None = None
    trace_id: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def next_attempt_at(self) -> datetime | None:
        return self.due_at if self.status is DeliveryStatus.PENDING else None

    def job(self, delay_seconds: float = 0.0) -> DeliveryJob:
        return DeliveryJob(self.id, self.attempt, delay_seconds)

    def end(self, status: DeliveryStatus, now: datetime) -> None:
        self.status, self.finished_at = status, now


@dataclass(kw_only=True)
class SendTestWebhook(Command[WebhookDelivery]):
    """Send an endpoint a message of the event `webhook.test`, whatever events it wants."""

    id: Id


async def send_test_webhook(tx: Transaction, actor: Actor, command: SendTestWebhook) -> WebhookDelivery:
    endpoint = await _enabled(tx, command.id)
    data = {"endpointId": endpoint.id, "sentBy": actor.subject}
    told = {"type": TEST, "timestamp": rfc3339(tx.now), "projectId": endpoint.project_id, "data": data}
    delivery_id = new_id()
    delivery = WebhookDelivery(
        id=delivery_id,
        organization_id=endpoint.organization_id,
        project_id=endpoint.project_id,
        endpoint_id=endpoint.id,
        message_id=delivery_id,
        event=TEST,
        body=json.dumps({**told, "traceId": actor.trace_id}),
        due_at=tx.now,
        trace_id=actor.trace_id,
    )
    return _sent(tx, delivery)


@dataclass(kw_only=True)
class RedeliverWebhook(Command[WebhookDelivery]):
    """Send a message once more, as it was and under the same id, which its receiver can know it by."""

    delivery_id: Id


async def redeliver_webhook(tx: Transaction, actor: Actor, command: RedeliverWebhook) -> WebhookDelivery:
    earlier = await tx.get(WebhookDelivery, command.delivery_id)
    endpoint = await _enabled(tx, earlier.endpoint_id)
    again = WebhookDelivery(
        organization_id=earlier.organization_id,
        project_id=earlier.project_id,
        endpoint_id=endpoint.id,
        message_id=earlier.message_id,
        event=earlier.event,
        body=earlier.body,
        due_at=tx.now,
        trace_id=earlier.trace_id,
    )
    return _sent(tx, again)


async def _enabled(tx: Transaction, endpoint_id: Id) -> WebhookEndpoint:
    endpoint = await endpoint_of(tx, endpoint_id)
    if not endpoint.enabled:
        raise DomainError(ErrorCode.CONFLICT, f"This endpoint is disabled: {endpoint.disabled_reason}. Enable it first")
    return endpoint


def _sent(tx: Transaction, delivery: WebhookDelivery) -> WebhookDelivery:
    tx.add(delivery)
    tx.enqueue(delivery.job())
    return delivery


@dataclass(kw_only=True)
class RecordDelivery(Command[WebhookDelivery]):
    """
    What came of an attempt: the receiver's answer, or, where there was none, why.

    Refused when the delivery was given to another sender meanwhile.
    """

    delivery_id: Id
    epoch: int
    response_status: int | None = None
    response_excerpt: str | None = None
    retry_after: str | None = None
    error: str | None = None


async def record_delivery(tx: Transaction, actor: Actor, command: RecordDelivery) -> WebhookDelivery:
    delivery = await tx.get(WebhookDelivery, command.delivery_id, lock=True)
    if delivery.status is not DeliveryStatus.SENDING or delivery.epoch != command.epoch:
        raise DomainError(ErrorCode.CONFLICT, "This delivery was given to another sender")
    delivery.response_status, delivery.error = command.response_status, command.error
    delivery.response_excerpt = command.response_excerpt
    spread = random.random()  # noqa: S311 - spreads load, hides nothing
    verdict = judge(delivery.attempt, command.response_status, command.retry_after, tx.now, spread)
    if verdict.next_attempt_at is not None:
        delivery.status, delivery.due_at = DeliveryStatus.PENDING, verdict.next_attempt_at
        tx.enqueue(delivery.job((verdict.next_attempt_at - tx.now).total_seconds()))
    else:
        delivered = verdict.outcome is Outcome.DELIVERED
        delivery.end(DeliveryStatus.DELIVERED if delivered else DeliveryStatus.FAILED, tx.now)
    tx.save(delivery)
    await _learn(tx, delivery.endpoint_id, verdict.outcome)
    return delivery


async def _learn(tx: Transaction, endpoint_id: Id, outcome: Outcome) -> None:
    """Most attempts say nothing new of their endpoint: it is locked only to be changed, as events wait for that."""
    endpoint = await tx.get(WebhookEndpoint, endpoint_id)
    if endpoint.learn(outcome, tx.now):
        endpoint = await tx.get(WebhookEndpoint, endpoint_id, lock=True)
        endpoint.learn(outcome, tx.now)
        tx.save(endpoint)
