"""Senders of webhooks that are killed between sending and recording."""

from pathlib import Path
from typing import Any

import asyncpg

from storage.pool import asyncpg_url
from tests.faults.callers import Caller, calling, until
from tests.faults.processes import Home
from tests.webhooks.receivers import receiving

REACHING = {"EASEL_WEBHOOK_ALLOW_LOOPBACK": "true", "EASEL_WEBHOOK_SECONDS": "5"}
CREATE = """mutation($input: CreateWebhookEndpointInput!) {
  createWebhookEndpoint(input: $input) { endpoint { id } secret }
}"""
TEST = "mutation($id: ID!) { sendTestWebhook(input: {id: $id}) { delivery { id } } }"
DELIVERY = "query($id: ID!) { node(id: $id) { ... on WebhookDelivery { status attempt responseStatus messageId } } }"


async def made(caller: Caller, url: str) -> dict[str, Any]:
    created = await caller.ask(CREATE, input={"projectId": caller.key.projectId, "url": url})
    found: dict[str, Any] = created["createWebhookEndpoint"]
    return found


async def forget_the_sender(database_url: str) -> None:
    """As if the time that its sender had was over."""
    connection = await asyncpg.connect(asyncpg_url(database_url))
    await connection.execute("UPDATE webhook_deliveries SET due_at = now()")
    await connection.close()


async def test_what_a_killed_sender_had_sent_is_sent_again_under_the_same_id(tmp_path: Path, database_url: str) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": database_url, **REACHING})
    with home.serving("--workers", "0"):
        async with calling(home.key()) as caller, receiving("hang") as receiver:
            endpoint = await made(caller, receiver.url)
            with home.working() as killed:
                asked = await caller.ask(TEST, id=endpoint["endpoint"]["id"])
                delivery_id = asked["sendTestWebhook"]["delivery"]["id"]
                first = await receiver.next()
                killed.kill()
            await forget_the_sender(database_url)
            with home.working():
                second = await receiver.next()

                async def delivery() -> Any:
                    return (await caller.ask(DELIVERY, id=delivery_id))["node"]

                over = await until(delivery, lambda seen: seen["status"] == "DELIVERED")
    assert over == {"status": "DELIVERED", "attempt": 2, "responseStatus": 200, "messageId": delivery_id}
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery_id
    assert first.body == second.body
    for message in (first, second):
        message.verify(endpoint["secret"])
    assert int(second.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"])
