"""graphql-transport-ws: one socket carries queries, mutations and subscriptions."""

import asyncio
import socket
import struct
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from app.settings import Settings
from domain.ids import Id
from domain.permissions import Role
from gateway.tokens import write_token
from tests.api.asking import CREATE_ASSET, START, start, workflow_id
from tests.api.talking import acknowledged, talking
from tests.streams.following import until
from tests.studio import Client, serving

VIEWER = "{ viewer { kind } }"
KIND = {"viewer": {"kind": "api_key"}}
STREAM = "subscription($id: ID!) { stream(channels: [{name: RUNS, projectId: $id}]) { event } }"
WATCH = "subscription($id: ID!) { runUpdated(id: $id) { status } }"


@pytest.mark.parametrize("path", ["/v1/streams", "/graphql", "/v1/graphql"])
async def test_queries_mutations_and_subscriptions_go_over_one_socket(client: Client, path: str) -> None:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x"}
    async with acknowledged(client, path) as talker:
        await talker.ask("q", VIEWER)
        answer = await talker.hear()
        assert (answer["id"], answer["type"], answer["payload"]["data"]) == ("q", "next", KIND)
        assert await talker.hear() == {"id": "q", "type": "complete"}
        await talker.ask("m", CREATE_ASSET, input=given)
        assert (await talker.hear())["payload"]["data"]["createAsset"]["asset"]["id"]
        assert (await talker.hear())["type"] == "complete"
        run = await start(client)
        await talker.ask("s", WATCH, id=run["id"])
        heard = [await talker.hear()]
        while heard[-1]["type"] == "next":
            heard.append(await talker.hear())
        assert heard[-2]["payload"]["data"]["runUpdated"]["status"] == "SUCCEEDED"
        assert heard[-1] == {"id": "s", "type": "complete"}


async def test_a_socket_says_who_it_is_by_header_key_or_token(client: Client) -> None:
    organization = (await client.ask("{ viewer { organization { id } } }"))["viewer"]["organization"]["id"]
    token = write_token(
        client.parts.secrets.token_key,
        subject="ada",
        role=Role.VIEWER,
        organization_id=Id(organization),
        project_id=Id(client.key.projectId),
        valid=timedelta(hours=1),
    )
    for headers, payload, kind in (
        ({"X-API-Key": client.key.apiKey}, None, "api_key"),
        ({}, {"apiKey": client.key.apiKey}, "api_key"),
        ({"Authorization": f"Bearer {token}"}, {}, "person"),
        ({"X-API-Key": client.key.apiKey}, {"token": token}, "person"),
    ):
        async with talking(client, additional_headers=headers) as talker:
            await talker.say(type="connection_init", payload=payload)
            assert await talker.hear() == {"type": "connection_ack"}
            await talker.ask("1", VIEWER)
            assert (await talker.hear())["payload"]["data"]["viewer"]["kind"] == kind


@pytest.mark.parametrize("payload", [{}, {"apiKey": "x"}, {"apiKey": 1}, {"token": "x.y.z"}, {"token": ["x"]}])
async def test_who_is_not_known_is_closed_with_4403(client: Client, payload: dict[str, Any]) -> None:
    async with talking(client) as talker:
        await talker.say(type="connection_init", payload=payload)
        assert (await talker.closed())[0] == 4403


async def test_a_wrong_key_in_the_handshake_is_closed_with_4403(client: Client) -> None:
    async with talking(client, additional_headers={"X-API-Key": "x"}) as talker:
        assert await talker.closed() == (4403, "This API key is not known here: check that it is whole")


async def test_who_stays_silent_is_closed_with_4408(settings: Settings, database_url: str) -> None:
    hurried = settings.model_copy(update={"socket_init_seconds": 0.1})
    async with serving(hurried, database_url) as client, talking(client) as talker:
        assert (await talker.closed())[0] == 4408


async def test_asking_before_the_acknowledgement_is_closed_with_4401(client: Client) -> None:
    async with talking(client) as talker:
        await talker.ask("1", VIEWER)
        assert (await talker.closed())[0] == 4401


async def test_a_second_introduction_is_closed_with_4429(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.say(type="connection_init", payload={"apiKey": client.key.apiKey})
        assert (await talker.closed())[0] == 4429


async def test_an_id_in_use_is_closed_with_4409(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("1", STREAM, id=client.key.projectId)
        await talker.ask("1", VIEWER)
        assert (await talker.closed())[0] == 4409


async def test_an_id_is_free_again_once_its_operation_is_complete(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("1", STREAM, id=client.key.projectId)
        await talker.say(id="1", type="complete")
        for _ in range(2):
            await talker.ask("1", VIEWER)
            assert (await talker.hear())["payload"]["data"] == KIND
            assert (await talker.hear())["type"] == "complete"
        await talker.say(id="never begun", type="complete")
        await talker.ask("1", VIEWER)
        assert (await talker.hear())["payload"]["data"] == KIND


async def test_the_101st_operation_is_refused_and_the_100_go_on(client: Client) -> None:
    async with acknowledged(client) as talker:
        for number in range(101):
            await talker.ask(str(number), STREAM, id=client.key.projectId)
        refused = await talker.hear()
        assert (refused["id"], refused["type"]) == ("100", "error")
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_ping_is_answered_with_its_payload(client: Client) -> None:
    async with talking(client) as talker:
        await talker.say(type="ping")
        assert await talker.hear() == {"type": "pong"}
        await talker.say(type="ping", payload={"at": 7})
        assert await talker.hear() == {"type": "pong", "payload": {"at": 7}}
        await talker.say(type="pong", payload={"unasked": True})
        await talker.say(type="ping", payload=None)
        assert await talker.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("query a { __typename } query b { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        (f"{{{' '.join(f'a{i}:__typename' for i in range(60))}}}", "QUERY_TOO_COMPLEX"),
        ('subscription { runUpdated(id: "x") { id } }', "RUN_NOT_FOUND"),
        ('subscription { stream(channels: [{name: RUNS, projectId: "x"}]) { event } }', "PROJECT_NOT_FOUND"),
        ("subscription { stream(channels: []) { event } }", "VALIDATION_ERROR"),
    ],
)
async def test_an_operation_that_fails_ends_alone_with_a_code_and_a_trace(
    client: Client, query: str, code: str
) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("1", query)
        failed = await talker.hear()
        error = failed["payload"][0] if failed["type"] == "error" else failed["payload"]["errors"][0]
        assert error["extensions"]["code"] == code
        assert len(error["extensions"]["traceId"]) == 32
        if failed["type"] == "next":
            assert (await talker.hear())["type"] == "complete"
        await talker.ask("1", VIEWER)
        assert (await talker.hear())["payload"]["data"] == KIND


async def test_the_trace_of_the_handshake_is_the_trace_of_what_it_starts(client: Client) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with acknowledged(client, additional_headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}) as talker:
        await talker.ask("1", START, input={"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}})
        assert (await talker.hear())["payload"]["data"]["startRun"]["run"]["traceId"] == trace


def _conversations() -> list[str]:
    """What still goes on for sockets."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("_Operation.", "ChannelTopic.", "Topics.", "Conversation."))]


async def test_a_client_that_vanishes_leaves_nothing_behind(client: Client) -> None:
    async with acknowledged(client) as talker:
        for number in range(10):
            await talker.ask(str(number), STREAM, id=client.key.projectId)
        await talker.ask("last", VIEWER)
        assert (await talker.hear())["id"] == "last"
        assert len(_conversations()) >= 10
        raw = talker.socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        talker.socket.transport.abort()
    await until(lambda: not client.parts.studio.hub._hearing.listeners and not _conversations())


async def test_a_page_of_a_foreign_origin_may_not_connect(client: Client) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(client, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    async with acknowledged(client, origin=client.url) as talker:
        await talker.ask("1", VIEWER)
        assert (await talker.hear())["payload"]["data"] == KIND


async def test_a_page_of_an_allowed_origin_may_connect(settings: Settings, database_url: str) -> None:
    opened = settings.model_copy(update={"allowed_origins": ("https://studio.example",)})
    async with serving(opened, database_url) as client:
        async with acknowledged(client, origin="https://studio.example"):
            pass
        with pytest.raises(InvalidStatus):
            async with talking(client, origin="https://evil.example"):
                pass
        for origin, allowed in (("https://studio.example", True), ("https://evil.example", False)):
            asked = {"origin": origin, "access-control-request-method": "POST"}
            answer = await client.http.options("/graphql", headers=asked)
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


async def test_a_socket_that_speaks_another_protocol_is_closed_with_4406(client: Client) -> None:
    async with talking(client, subprotocols=["graphql-ws"]) as talker:
        assert (await talker.closed())[0] == 4406
