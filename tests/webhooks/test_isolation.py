"""Webhooks keep nothing else waiting: neither each other, nor what they tell of; and what is over is removed."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.parts import Parts
from domain.errors import DomainError, ErrorCode
from domain.generation_requests import RequestGenerationJob
from domain.permissions import engine_actor
from domain.webhook_deliveries import RecordDelivery, SendTestWebhook, record_delivery
from domain.webhooks import MOST_ENDPOINTS, DeleteWebhookEndpoint
from storage.deliveries import DueDeliveries
from storage.sweep import sweep
from tests.engine.crew import start
from tests.studio import Tenant
from tests.webhooks.receivers import an_endpoint, deliveries_of

NOWHERE = "http://127.0.0.1:9/"
# A message that is due for each endpoint there is.
_TELL_ALL = """
    INSERT INTO webhook_deliveries (id, organization_id, project_id, endpoint_id, message_id, event, body, status,
        attempt, epoch, due_at, trace_id, created_at)
    SELECT gen_random_uuid(), organization_id, project_id, id, gen_random_uuid(), 'test', '{}', 'PENDING',
        0, 0, now(), '', now()
    FROM webhook_endpoints
"""
_COUNTS = "SELECT (SELECT count(*) FROM webhook_endpoints), (SELECT count(*) FROM webhook_deliveries)"


async def execute(parts: Parts, *statements: str) -> None:
    async with parts.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def counts(parts: Parts) -> tuple[int, int]:
    async with parts.engine.connect() as connection:
        endpoints, deliveries = (await connection.execute(text(_COUNTS))).one()
        return endpoints, deliveries


async def a_callback(owner: Tenant) -> Any:
    return await owner.do(RequestGenerationJob(prompt="A kite", callback=NOWHERE))


async def test_the_callbacks_of_a_project_take_as_many_senders_as_one_endpoint(owner: Tenant) -> None:
    await an_endpoint(owner, NOWHERE, "image.created")
    for _ in range(8):
        await a_callback(owner)
    await execute(owner.parts, _TELL_ALL)
    due = DueDeliveries(owner.parts.engine)
    taken = [one.endpoint for _ in range(9) if (one := await due.take(60.0))]
    assert [endpoint.run_id is None for endpoint in taken].count(False) == 4
    assert len(taken) == 5


async def test_what_happens_is_recorded_while_the_answer_of_a_receiver_is(owner: Tenant) -> None:
    """Else a busy receiver would hold up the runs that it is told of."""
    endpoint, _ = await an_endpoint(owner, NOWHERE)
    workflow = await owner.hero_image()
    await owner.do(SendTestWebhook(id=endpoint.id))
    taken = await DueDeliveries(owner.parts.engine).take(60.0)
    assert taken is not None
    command = RecordDelivery(delivery_id=taken.delivery.id, epoch=taken.delivery.epoch, response_status=200)
    actor = engine_actor(owner.actor.organization_id)
    async with owner.parts.database.begin(actor, command, None) as tx, asyncio.timeout(5):
        await record_delivery(tx, actor, command)
        await start(owner, workflow, prompt="A kite")
    assert (await deliveries_of(owner))[0].status == "DELIVERED"


async def test_messages_are_logged_in_the_order_of_what_they_tell_of(owner: Tenant) -> None:
    await an_endpoint(owner, NOWHERE)
    workflow = await owner.hero_image()
    for _ in range(10):
        await start(owner, workflow, prompt="A kite")
    logged = [one.payload for one in await deliveries_of(owner)]
    recorded = await owner.parts.studio.events.after(owner.project_id, 0, most=1_000)
    assert [(one["type"], one["data"]) for one in logged] == [(one.event.event, one.event.payload) for one in recorded]


async def test_a_project_has_so_many_endpoints_and_no_more(owner: Tenant) -> None:
    await a_callback(owner)  # which is none of them
    for _ in range(MOST_ENDPOINTS):
        endpoint, _ = await an_endpoint(owner, NOWHERE)
    with pytest.raises(DomainError, match="delete one first") as refused:
        await an_endpoint(owner, NOWHERE)
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    await owner.do(DeleteWebhookEndpoint(id=endpoint.id))
    await an_endpoint(owner, NOWHERE)


async def test_whoever_still_asks_for_a_deleted_endpoint_sees_that_it_is(owner: Tenant) -> None:
    endpoint, _ = await an_endpoint(owner, NOWHERE)
    await owner.do(DeleteWebhookEndpoint(id=endpoint.id))
    found = await owner.parts.studio.reads.any_node(owner.actor, endpoint.id)
    assert (found.enabled, found.disabled_reason) == (False, "It was deleted")


async def test_what_waited_for_a_deleted_endpoint_is_given_up(owner: Tenant) -> None:
    gone, _ = await an_endpoint(owner, NOWHERE)
    there, _ = await an_endpoint(owner, NOWHERE)
    for endpoint in (gone, there):
        await owner.do(SendTestWebhook(id=endpoint.id))
    await owner.do(DeleteWebhookEndpoint(id=gone.id))
    await sweep(owner.parts.engine)
    first, second = await deliveries_of(owner)
    assert (first.status, first.error, first.next_attempt_at) == ("FAILED", "The endpoint was deleted", None)
    assert second.status == "PENDING"


async def test_endpoints_and_messages_are_removed_a_month_after_their_end(owner: Tenant) -> None:
    endpoint, _ = await an_endpoint(owner, NOWHERE, "image.created")
    await owner.do(SendTestWebhook(id=endpoint.id))
    await a_callback(owner)
    await execute(
        owner.parts, "UPDATE webhook_endpoints SET created_at = now() - interval '40 days'", "DELETE FROM pgqueuer"
    )
    await sweep(owner.parts.engine)
    assert await counts(owner.parts) == (2, 1)  # the callback's run may take as long as it likes

    await execute(
        owner.parts,
        "UPDATE runs SET finished_at = now() - interval '31 days'",
        "UPDATE webhook_deliveries SET created_at = now() - interval '31 days'",
    )
    await sweep(owner.parts.engine)
    assert await counts(owner.parts) == (1, 0)

    await owner.do(DeleteWebhookEndpoint(id=endpoint.id))
    await execute(owner.parts, "UPDATE webhook_endpoints SET deleted_at = now() - interval '31 days'")
    await sweep(owner.parts.engine)
    assert await counts(owner.parts) == (0, 0)
