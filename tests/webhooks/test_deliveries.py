"""What is told to webhooks, and what becomes of it when receivers are slow, wrong or away."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from app.working import deliverer_of, working
from domain.errors import DomainError
from domain.ids import Id
from domain.webhook_deliveries import RecordDelivery, RedeliverWebhook, SendTestWebhook, WebhookDelivery
from domain.webhooks import (
    DeleteWebhookEndpoint,
    UpdateWebhookEndpoint,
)
from storage.deliveries import MOST_OF_ONE_PROJECT, DueDeliveries
from tests.engine.crew import a_picture, as_engine, events_of, finished, until
from tests.studio import Tenant, tenant
from tests.webhooks.receivers import (
    an_endpoint,
    becomes,
    deliveries_of,
    endpoint_now,
    execute_sql,
    hurry,
    receiving,
)


async def test_everything_that_happens_is_told_signed_and_as_it_was_recorded(owner: Tenant) -> None:
    owner = replace(owner, actor=replace(owner.actor, trace_id="4bf92f3577b34da6a3ce929d0e0e4736"))
    async with receiving() as receiver, working(owner.parts):
        endpoint, secret = await an_endpoint(owner, receiver.url)
        run = await finished(owner, await a_picture(owner))
        envelopes = {envelope.event.event: envelope for envelope in await events_of(owner, run)}
        told = [await receiver.next() for _ in await events_of(owner, run)]
        ended = next(message for message in told if message.told["type"] == "run.completed")
        body = ended.verify(secret)
        recorded = envelopes["run.completed"]
        assert (body["data"], body["runId"], body["projectId"]) == (recorded.event.payload, run.id, owner.project_id)
        assert body["traceId"] == recorded.trace_id == ended.headers["traceparent"].split("-")[1]
        assert ended.headers["content-type"] == "application/json"
        await until(lambda: _all_delivered(owner, len(told)))
        assert {message.headers["webhook-id"] for message in told} == {one.id for one in await deliveries_of(owner)}
    assert endpoint.version == (await endpoint_now(owner, endpoint)).version


async def _all_delivered(owner: Tenant, count: int) -> bool:
    return [one.status for one in await deliveries_of(owner)] == ["DELIVERED"] * count


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (("run.completed",), {"run.completed"}),
        (("run.*",), {"run.updated", "run.completed"}),
        (("image.created", "step.waiting"), {"image.created"}),
    ],
)
async def test_an_endpoint_is_told_what_it_asked_for(owner: Tenant, wanted: tuple[str, ...], told: set[str]) -> None:
    await an_endpoint(owner, "http://127.0.0.1:9/", *wanted)
    async with working(owner.parts):
        await finished(owner, await a_picture(owner))
    assert {delivery.event for delivery in await deliveries_of(owner)} == told


async def test_what_happens_in_another_project_is_not_told(owner: Tenant) -> None:
    await an_endpoint(owner, "http://127.0.0.1:9/")
    others = await tenant(owner.parts, "globex", "shop")
    await a_picture(others)
    assert await deliveries_of(owner) == []


async def test_a_change_that_is_taken_back_is_told_to_nobody(owner: Tenant) -> None:
    await an_endpoint(owner, "http://127.0.0.1:9/")
    with pytest.raises(DomainError):
        await a_picture(owner, aspectRatio="7:5")
    assert await deliveries_of(owner) == []


async def test_a_receiver_that_fails_seven_times_gets_it_the_eighth_time_with_the_same_id(owner: Tenant) -> None:
    async with receiving(*["500 Oops"] * 7) as receiver, working(owner.parts):
        endpoint, secret = await an_endpoint(owner, receiver.url)
        await owner.do(SendTestWebhook(id=endpoint.id))
        messages = []
        for attempt in range(1, 9):
            messages.append(await receiver.next())
            if attempt < 8:
                failed = await becomes(owner, attempt=attempt, status="PENDING")
                assert (failed.response_status, failed.next_attempt_at) == (500, failed.due_at)
                await hurry(owner)
        over = await becomes(owner, status="DELIVERED")
    assert (over.attempt, over.response_status, over.next_attempt_at) == (8, 200, None)
    assert {message.headers["webhook-id"] for message in messages} == {over.id}
    assert len({message.body for message in messages}) == 1
    for message in messages:
        message.verify(secret)


async def test_what_is_never_taken_is_given_up_and_can_be_sent_again(owner: Tenant) -> None:
    async with receiving(*["503 Busy"] * 8) as receiver, working(owner.parts):
        endpoint, _ = await an_endpoint(owner, receiver.url)
        await owner.do(SendTestWebhook(id=endpoint.id))
        for attempt in range(1, 9):
            first = await receiver.next()
            if attempt < 8:
                await becomes(owner, attempt=attempt, status="PENDING")
                await hurry(owner)
        lost = await becomes(owner, status="FAILED")
        assert (await endpoint_now(owner, endpoint)).failing_since is not None

        again = await owner.do(RedeliverWebhook(delivery_id=lost.id))
        second = await receiver.next()
        await becomes(owner, status="DELIVERED", id=again.id)
    assert second.headers["webhook-id"] == first.headers["webhook-id"] == lost.id
    assert second.body == first.body
    assert (await endpoint_now(owner, endpoint)).failing_since is None


async def test_a_receiver_that_asks_for_patience_gets_it(owner: Tenant) -> None:
    async with receiving("429 Slow|Retry-After: 3600\r\n") as receiver, working(owner.parts):
        endpoint, _ = await an_endpoint(owner, receiver.url)
        await owner.do(SendTestWebhook(id=endpoint.id))
        await receiver.next()
        waiting = await becomes(owner, status="PENDING", attempt=1)
    assert (waiting.due_at - waiting.created_at).total_seconds() > 3_500


async def test_a_receiver_that_is_gone_is_told_nothing_more_until_it_is_enabled(owner: Tenant) -> None:
    async with receiving("410 Gone") as receiver, working(owner.parts):
        endpoint, _ = await an_endpoint(owner, receiver.url)
        await owner.do(SendTestWebhook(id=endpoint.id))
        await becomes(owner, status="FAILED")
        gone = await endpoint_now(owner, endpoint)
        assert (gone.enabled, gone.disabled_reason) == (False, "The receiver answered 410 Gone")
        with pytest.raises(DomainError, match="disabled"):
            await owner.do(SendTestWebhook(id=endpoint.id))
        await a_picture(owner)
        assert len(await deliveries_of(owner)) == 1
        await owner.do(UpdateWebhookEndpoint(id=endpoint.id, enabled=True))
        await owner.do(SendTestWebhook(id=endpoint.id))
        await becomes(owner, status="DELIVERED")


async def test_after_five_days_without_success_an_endpoint_is_disabled(owner: Tenant) -> None:
    async with receiving("500 Oops", "500 Oops") as receiver, working(owner.parts):
        endpoint, _ = await an_endpoint(owner, receiver.url)
        await owner.do(SendTestWebhook(id=endpoint.id))
        await becomes(owner, status="PENDING", attempt=1)
        assert (await endpoint_now(owner, endpoint)).enabled
        await execute_sql(owner, "UPDATE webhook_endpoints SET failing_since = now() - interval '5 days'")
        await hurry(owner)
        await becomes(owner, attempt=2, status="PENDING")
        disabled = await endpoint_now(owner, endpoint)
        assert (disabled.enabled, disabled.disabled_reason) == (False, "Nothing was taken for five days")

        await owner.do(UpdateWebhookEndpoint(id=endpoint.id, enabled=True))
        await hurry(owner)
        await becomes(owner, status="DELIVERED", attempt=3)


async def test_one_projects_slow_receivers_leave_senders_for_the_others(owner: Tenant) -> None:
    others = await tenant(owner.parts, "globex", "shop")
    async with receiving(*["hang"] * 80) as slow, receiving() as quick, working(owner.parts):
        for _ in range(5):
            endpoint, _ = await an_endpoint(owner, slow.url)
            for _ in range(6):
                await owner.do(SendTestWebhook(id=endpoint.id))
        for _ in range(MOST_OF_ONE_PROJECT):
            await slow.next()
        free, _ = await an_endpoint(others, quick.url)
        await others.do(SendTestWebhook(id=free.id))
        await quick.next()
        assert slow.messages.qsize() <= MOST_OF_ONE_PROJECT
        await execute_sql(owner, "DELETE FROM webhook_endpoints")


async def test_a_sender_killed_before_it_could_say_so_has_it_sent_again_under_the_same_id(owner: Tenant) -> None:
    async with receiving("hang") as receiver:
        endpoint, secret = await an_endpoint(owner, receiver.url)
        delivery = await owner.do(SendTestWebhook(id=endpoint.id))
        sending = asyncio.create_task(_send_once(owner))
        first = await receiver.next()
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        assert (await becomes(owner, status="SENDING")).attempt == 1

        await execute_sql(owner, "UPDATE webhook_deliveries SET due_at = now()")
        async with working(owner.parts):
            second = await receiver.next()
            over = await becomes(owner, status="DELIVERED")
    assert (over.attempt, over.epoch) == (2, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.id
    assert second.verify(secret) == first.told


async def _send_once(owner: Tenant) -> None:
    deliverer = deliverer_of(owner.parts)
    taken = await DueDeliveries(owner.parts.engine).take(60.0)
    assert taken is not None
    await deliverer.send(taken)


async def test_a_sender_that_was_overtaken_records_nothing(owner: Tenant) -> None:
    endpoint, _ = await an_endpoint(owner, "http://127.0.0.1:9/")
    await owner.do(SendTestWebhook(id=endpoint.id))
    due = DueDeliveries(owner.parts.engine)
    slow = await due.take(-1.0)
    fast = await due.take(60.0)
    assert slow is not None
    assert fast is not None
    with pytest.raises(DomainError, match="another sender"):
        await as_engine(owner, _taken(slow.delivery))
    await as_engine(owner, _taken(fast.delivery))
    assert (await deliveries_of(owner))[0].status == "DELIVERED"
    assert await due.take(60.0) is None


def _taken(delivery: WebhookDelivery) -> RecordDelivery:
    return RecordDelivery(delivery_id=Id(delivery.id), epoch=delivery.epoch, response_status=200)


async def test_a_slow_receiver_does_not_hold_up_the_others(owner: Tenant) -> None:
    async with receiving(*["hang"] * 40) as slow, receiving() as quick, working(owner.parts):
        first, _ = await an_endpoint(owner, slow.url, "image.created")
        for _ in range(20):
            await owner.do(SendTestWebhook(id=first.id))
        second, _ = await an_endpoint(owner, quick.url, "image.created")
        await owner.do(SendTestWebhook(id=second.id))
        await quick.next()
        assert slow.messages.qsize() <= 8
        await owner.do(DeleteWebhookEndpoint(id=first.id))


async def test_a_redirect_is_a_failure_and_is_not_followed(owner: Tenant) -> None:
    async with receiving() as elsewhere, receiving(f"302 Found|Location: {elsewhere.url}\r\n") as receiver:
        endpoint, _ = await an_endpoint(owner, receiver.url)
        async with working(owner.parts):
            await owner.do(SendTestWebhook(id=endpoint.id))
            assert (await becomes(owner, attempt=1, status="PENDING")).response_status == 302
        assert elsewhere.messages.empty()


async def test_a_deleted_endpoint_is_told_nothing_that_still_waited(owner: Tenant) -> None:
    endpoint, _ = await an_endpoint(owner, "http://127.0.0.1:9/")
    await owner.do(SendTestWebhook(id=endpoint.id))
    for _ in range(2):
        assert await owner.do(DeleteWebhookEndpoint(id=endpoint.id)) == endpoint.id
    assert await DueDeliveries(owner.parts.engine).take(60.0) is None
    with pytest.raises(DomainError, match="deleted"):
        await owner.do(SendTestWebhook(id=endpoint.id))
