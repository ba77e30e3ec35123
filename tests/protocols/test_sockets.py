"""Sockets as the network and browsers bring them: silent, of foreign pages, vanishing, traced."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.exceptions import InvalidStatus

from app.settings import Settings
from tests.api.asking import START, workflow_id
from tests.api.talking import Talker, acknowledged, talking
from tests.protocols.conversing import GONE_ON, KIND, STREAM, VIEWER, closes, converse, is_followed
from tests.streams.following import until
from tests.studio import Client, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.asyncio(loop_scope="function")
async def test_who_stays_silent_is_closed_with_4408(settings: Settings, database_url: str) -> None:
    hurried = settings.model_copy(update={"socket_init_seconds": 0.1})
    async with serving(hurried, database_url) as client:
        await converse(client, closes(4408))
        await converse(client, *GONE_ON, closes(4408))


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("protocol", ["graphql-transport-ws", "easel.v1"])
async def test_who_has_nothing_to_do_and_says_nothing_is_closed_with_4421(
    settings: Settings, database_url: str, protocol: str
) -> None:
    hurried = settings.model_copy(update={"socket_idle_seconds": 0.5})
    subscription = {"id": "1", "type": "subscribe", "channel": "runs", "payload": {"query": STREAM}}
    async with serving(hurried, database_url) as client, introduced(client, protocol) as busy:
        await busy.say(**subscription)
        async with introduced(client, protocol) as idle:
            assert (await idle.closed())[0] == 4421
        await busy.say(type="ping", payload={"still": "here"})
        while (await busy.hear())["type"] != "pong":
            pass


@asynccontextmanager
async def introduced(client: Client, protocol: str) -> AsyncIterator[Talker]:
    if protocol == "graphql-transport-ws":
        async with acknowledged(client) as talker:
            yield talker
        return
    async with talking(client, subprotocols=[protocol]) as talker:
        await talker.say(type="auth", apiKey=client.key.apiKey)
        assert (await talker.hear())["type"] == "authenticated"
        yield talker


async def test_the_trace_of_the_handshake_is_the_trace_of_what_it_starts(client: Client) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with acknowledged(client, additional_headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}) as talker:
        await talker.ask("1", START, input={"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}})
        assert (await talker.hear())["payload"]["data"]["startRun"]["run"]["traceId"] == trace


async def test_a_client_that_vanishes_leaves_nothing_behind(client: Client) -> None:
    before = set(asyncio.all_tasks())
    async with acknowledged(client) as talker:
        for number in range(10):
            await talker.ask(str(number), STREAM)
        await talker.ask("last", VIEWER)
        assert (await talker.hear())["id"] == "last"
        await until(lambda: is_followed(client))
        raw = talker.socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        talker.socket.transport.abort()
    await until(lambda: not is_followed(client))
    await until(lambda: not any("socket" in name or "Handler" in name for name in _names(before)))


def _names(before: set[asyncio.Task[object]]) -> list[str]:
    """What goes on that did not before."""
    return [getattr(task.get_coro(), "__qualname__", "").lower() for task in asyncio.all_tasks() - before]


async def test_a_page_of_a_foreign_origin_may_not_connect(client: Client) -> None:
    for path in ("/v1/streams", "/graphql", "/v1/graphql"):
        with pytest.raises(InvalidStatus) as refused:
            async with talking(client, path, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403
    async with acknowledged(client, origin=client.url) as talker:
        await talker.ask("1", VIEWER)
        assert (await talker.hear())["payload"]["data"] == KIND


@pytest.mark.asyncio(loop_scope="function")
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
