"""Webhook endpoints as front ends see them: made, listed, changed, and refused where they could reach inside."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.parts import Parts
from app.serving import running
from domain.events import EVENTS
from tests.api.generating import PROMPT, ask_for, ended
from tests.conftest import fresh_database, settings_in
from tests.studio import Client, GraphQLFailure, client_of
from tests.webhooks.receivers import receiving

CREATE = """
mutation($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) {
  endpoint { id url events enabled version } secret
} }
"""
LISTED = """
query($id: ID!) { webhookEndpoints(projectId: $id) {
  id url enabled disabledReason deliveries { totalCount nodes {
    id event status attempt responseStatus nextAttemptAt payload messageId
  } }
} }
"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def serving_many(factory: pytest.TempPathFactory, **changed: Any) -> AsyncIterator[tuple[Parts, str]]:
    """A running server with its workers, and its address, for tests that each have an organization of their own."""
    settings = settings_in(factory.mktemp("server")).model_copy(update=changed)
    async with fresh_database() as database_url, running(settings, database_url) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reaching(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Parts, str]]:
    async with serving_many(tmp_path_factory, webhook_allow_loopback=True) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def confined(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Parts, str]]:
    async with serving_many(tmp_path_factory) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(reaching: tuple[Parts, str]) -> AsyncIterator[Client]:
    """Of a running server that may call receivers on this machine."""
    async with client_of(*reaching, f"newcomer-{uuid4().hex}") as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def closed(confined: tuple[Parts, str]) -> AsyncIterator[Client]:
    """Of a running server as it comes: nothing of its own network may be called."""
    async with client_of(*confined, f"newcomer-{uuid4().hex}") as one:
        yield one


async def create(client: Client, url: str, **more: Any) -> dict[str, Any]:
    asked = {"projectId": client.key.projectId, "url": url, **more}
    made: dict[str, Any] = (await client.ask(CREATE, input=asked))["createWebhookEndpoint"]
    return made


async def listed(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.ask(LISTED, id=client.key.projectId))["webhookEndpoints"]
    return found


async def test_an_endpoint_is_made_tested_and_its_log_read(client: Client) -> None:
    async with receiving() as receiver:
        made = await create(client, receiver.url)
        endpoint = made["endpoint"]
        assert (endpoint["events"], endpoint["enabled"], endpoint["version"]) == (["*"], True, 1)
        sent = await client.ask(
            "mutation($id: ID!) { sendTestWebhook(input: {id: $id}) { delivery { id status } } }", id=endpoint["id"]
        )
        message = await receiver.next()
        assert message.verify(made["secret"])["type"] == "webhook.test"
    (one,) = await listed(client)
    (delivery,) = one["deliveries"]["nodes"]
    assert (delivery["id"], delivery["event"]) == (sent["sendTestWebhook"]["delivery"]["id"], "webhook.test")
    assert delivery["payload"] == message.told
    found = await client.ask("query($id: ID!) { node(id: $id) { __typename id } }", id=delivery["id"])
    assert found["node"] == {"__typename": "WebhookDelivery", "id": delivery["id"]}


async def test_a_secret_is_shown_once(client: Client) -> None:
    key = {"clientMutationId": "a-key-of-16-chars"}
    first, again = [await create(client, "http://127.0.0.1:9/", **key) for _ in range(2)]
    assert first["endpoint"] == again["endpoint"]
    assert first["secret"].startswith("whsec_")
    assert again["secret"] is None


async def test_an_endpoint_is_changed_rotated_and_deleted(client: Client) -> None:
    made = await create(client, "http://127.0.0.1:9/", events=["run.*"])
    id_ = made["endpoint"]["id"]
    changed = await client.ask(
        'mutation($id: ID!) { updateWebhookEndpoint(input: {id: $id, enabled: false, events: ["run.failed"]}) '
        "{ endpoint { enabled disabledReason events version } } }",
        id=id_,
    )
    told = {"enabled": False, "disabledReason": "Disabled by hand", "events": ["run.failed"], "version": 2}
    assert changed["updateWebhookEndpoint"]["endpoint"] == told
    rotated = await client.ask("mutation($id: ID!) { rotateWebhookSecret(input: {id: $id}) { secret } }", id=id_)
    assert rotated["rotateWebhookSecret"]["secret"] not in {made["secret"], None}
    gone = await client.ask("mutation($id: ID!) { deleteWebhookEndpoint(input: {id: $id}) { deletedId } }", id=id_)
    assert gone["deleteWebhookEndpoint"]["deletedId"] == id_
    assert await listed(client) == []


@pytest.mark.parametrize("events", [[], ["run.exploded"], ["run"], ["**"], [""], ["run.*", "x.*"], ["x"] * 51])
async def test_only_events_that_there_are_can_be_asked_for(client: Client, events: list[str]) -> None:
    with pytest.raises(GraphQLFailure) as refused:
        await create(client, "https://hooks.easel.test/", events=events)
    assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", "events")


@pytest.mark.parametrize("url", ["", "x", "ftp://a.example/", "http://a.example/", "https://user@a.example/", "//a.b/"])
async def test_only_a_plain_https_url_is_an_endpoint(closed: Client, url: str) -> None:
    with pytest.raises(GraphQLFailure) as refused:
        await create(closed, url)
    assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", "url")


async def test_no_address_inside_becomes_an_endpoint_or_a_callback(closed: Client) -> None:
    for host in ("127.0.0.1", "[::1]", "10.0.0.7", "169.254.169.254", "[::ffff:127.0.0.1]", "0.0.0.0", "192.168.1.1"):
        with pytest.raises(GraphQLFailure) as refused:
            await create(closed, f"https://{host}/")
        assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", "url")
        answer = await ask_for(closed, callback=f"https://{host}/")
        assert (answer.status_code, answer.json()["field"]) == (400, "callback")


async def test_a_job_calls_back_when_it_is_over_signed_for_its_project(client: Client) -> None:
    secret = (await client.ask("{ project { callbackSecret } }"))["project"]["callbackSecret"]
    async with receiving() as receiver:
        promised = (await ask_for(client, callback=receiver.url)).json()
        body = (await receiver.next()).verify(secret)
    over = await ended(client, promised["id"])
    assert (body["type"], body["runId"], body["traceId"]) == (
        "generation_job.completed",
        promised["id"],
        promised["traceId"],
    )
    assert (body["data"]["assets"], body["data"]["prompt"]) == (over["assets"], PROMPT)
    assert await listed(client) == []


async def test_a_callback_can_be_sent_once_more(client: Client) -> None:
    async with receiving() as receiver:
        await ask_for(client, callback=receiver.url)
        first = await receiver.next()
        again = await client.ask(
            "mutation($id: ID!) { redeliverWebhook(input: {deliveryId: $id}) { delivery { messageId } } }",
            id=first.headers["webhook-id"],
        )
        second = await receiver.next()
    assert (
        again["redeliverWebhook"]["delivery"]["messageId"]
        == second.headers["webhook-id"]
        == first.headers["webhook-id"]
    )
    assert second.body == first.body


async def test_a_callback_hears_of_its_own_job_alone(client: Client) -> None:
    async with receiving() as receiver:
        promised = (await ask_for(client, callback=receiver.url)).json()
        others = [(await ask_for(client)).json()["id"] for _ in range(3)]
        for id_ in (promised["id"], *others):
            await ended(client, id_)
        assert (await receiver.next()).told["runId"] == promised["id"]
        assert receiver.messages.empty()


async def test_anothers_endpoints_are_not_there(client: Client) -> None:
    made = await create(client, "http://127.0.0.1:9/")
    async with client_of(client.parts, client.url, "rival", "spy") as spy:
        found = await spy.ask(LISTED, id=client.key.projectId)
        assert found["webhookEndpoints"] == []
        for field in ("deleteWebhookEndpoint", "rotateWebhookSecret", "sendTestWebhook"):
            with pytest.raises(GraphQLFailure) as refused:
                await spy.ask(
                    f"mutation($id: ID!) {{ {field}(input: {{id: $id}}) {{ clientMutationId }} }}",
                    id=made["endpoint"]["id"],
                )
            assert refused.value.code == "NOT_FOUND"


async def test_every_event_that_is_told_can_be_asked_for() -> None:
    sources = "".join(path.read_text() for path in (Path(__file__).parents[2] / "domain").glob("*.py"))
    told = set(re.findall(r'"((?:run|step|image|generation_job)\.[a-z_]+)"', sources))
    assert told <= {*EVENTS}
