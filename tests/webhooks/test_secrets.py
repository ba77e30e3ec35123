"""Secrets of endpoints: replaced without a gap, and endpoints that fail for too long."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from app.working import working
from domain.errors import DomainError
from domain.ids import new_id
from domain.retry_schedule import Outcome
from domain.webhook_deliveries import SendTestWebhook
from domain.webhooks import (
    RotateWebhookSecret,
    WebhookEndpoint,
)
from tests.studio import Tenant
from tests.webhooks.receivers import an_endpoint, execute_sql, receiving


async def test_for_a_day_after_a_rotation_both_secrets_sign(owner: Tenant) -> None:
    async with receiving() as receiver, working(owner.parts):
        endpoint, older = await an_endpoint(owner, receiver.url)
        newer = (await owner.do(RotateWebhookSecret(id=endpoint.id))).secret
        await owner.do(SendTestWebhook(id=endpoint.id))
        message = await receiver.next()
        assert older != newer
        assert message.verify(older) == message.verify(newer)

        await execute_sql(owner, "UPDATE webhook_endpoints SET rotations = '[\"2026-01-01T00:00:00Z\"]'")
        await owner.do(SendTestWebhook(id=endpoint.id))
        later = await receiver.next()
        later.verify(newer)
        with pytest.raises(WebhookVerificationError):
            later.verify(older)


async def test_every_secret_signs_for_a_day_after_it_was_replaced(owner: Tenant) -> None:
    async with receiving() as receiver, working(owner.parts):
        endpoint, first = await an_endpoint(owner, receiver.url)
        secrets = [first, *[(await owner.do(RotateWebhookSecret(id=endpoint.id))).secret for _ in range(5)]]
        with pytest.raises(DomainError, match="5 times a day"):
            await owner.do(RotateWebhookSecret(id=endpoint.id))
        await owner.do(SendTestWebhook(id=endpoint.id))
        message = await receiver.next()
        for secret in secrets:
            message.verify(secret)


def test_failures_with_a_long_quiet_between_are_not_five_days_of_failing() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    endpoint = WebhookEndpoint(organization_id=new_id(), project_id=new_id(), url="https://a.example/", events=("*",))
    for days in (0.0, 1.0, 9.0, 10.0, 11.0, 12.0, 13.0):
        endpoint.learn(Outcome.RETRY, start + timedelta(days=days))
        assert endpoint.enabled
    endpoint.learn(Outcome.RETRY, start + timedelta(days=14))
    assert not endpoint.enabled
