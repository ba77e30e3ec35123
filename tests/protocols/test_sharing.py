"""What is executed once for many is told to each as they asked, and to nobody who may not see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from app.settings import Settings
from tests.api.talking import Talker, acknowledged, talking
from tests.faults.callers import Caller
from tests.protocols.conversing import STREAM, VIEWER, finish_a_run
from tests.protocols.sourcing import ADDRESS, EVENT_STREAM, sourcing
from tests.studio import Client, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBJECTS = "subscription { stream(channels: [{name: RUNS}]) { event subject { __typename } } }"
VARIED = """query q { viewer { kind } }
subscription s($with: Boolean!, $without: Boolean!) {
  stream(channels: [{name: RUNS}]) { event ...c @include(if: $with) traceId @skip(if: $without) }
}
subscription t($with: Boolean!) { all: stream(channels: [{name: RUNS}]) { event again: event ...c @skip(if: $with) } }
fragment c on StreamEvent { cursor }"""
SHAPES: dict[str, tuple[dict[str, Any], tuple[str, set[str]]]] = {
    # what is asked besides the document, then the field and the members of its answers
    "a": ({"operationName": "s", "variables": {"with": True, "without": True}}, ("stream", {"event", "cursor"})),
    "b": ({"operationName": "s", "variables": {"with": False, "without": False}}, ("stream", {"event", "traceId"})),
    "c": ({"operationName": "s", "variables": {"with": False, "without": True}}, ("stream", {"event"})),
    "d": ({"operationName": "t", "variables": {"with": True}}, ("all", {"event", "again"})),
    "e": ({"operationName": "t", "variables": {"with": False}}, ("all", {"event", "again", "cursor"})),
}
CREATE_KEY = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }"


async def until_completed(talker: Talker, names: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The data that each subscription got, until each heard of the end of a run."""
    heard: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    awaited = set(names)
    while awaited:
        message = await talker.hear()
        data = message["payload"]["data"]
        heard[message["id"]].append(data)
        if next(iter(data.values()))["event"] == "run.completed":
            awaited.remove(message["id"])
    return heard


async def test_subscriptions_of_one_document_are_told_apart_by_what_else_they_ask(client: Client) -> None:
    async with acknowledged(client) as talker:
        for place in range(3):
            for name, (asked, _) in SHAPES.items():
                payload = {"query": VARIED, **asked}
                await talker.say(id=f"{name}{place}", type="subscribe", payload=payload)
        await finish_a_run(client)
        heard = await until_completed(talker, {f"{name}{place}" for name in SHAPES for place in range(3)})
    for name, answers in heard.items():
        field, members = SHAPES[name[0]][1]
        assert [(set(answer), set(answer[field])) for answer in answers] == [({field}, members)] * len(answers)
    events = {name: [next(iter(answer.values()))["event"] for answer in heard[name]] for name in heard}
    assert list(events.values()) == [events["a0"]] * len(events)


@asynccontextmanager
async def narrow(client: Client) -> AsyncIterator[Talker]:
    """Somebody who may follow runs, and may not look at pictures."""
    given = {"projectId": client.key.projectId, "name": "narrow", "scopes": ["runs:read", "projects:read"]}
    secret = (await client.ask(CREATE_KEY, input=given))["createApiKey"]["secret"]
    async with talking(client) as talker:
        await talker.say(type="connection_init", payload={"apiKey": secret})
        assert (await talker.hear())["type"] == "connection_ack"
        yield talker


async def test_an_answer_made_for_one_is_not_told_to_another_who_may_see_less(client: Client) -> None:
    async with AsyncExitStack() as stack:
        wide = [await stack.enter_async_context(acknowledged(client)) for _ in range(2)]
        less = [await stack.enter_async_context(narrow(client)) for _ in range(2)]
        for talker in (wide[0], less[0], less[1], wide[1]):
            await talker.ask("1", SUBJECTS)
        caller = Caller(client.http, client.key)
        await caller.finished(await caller.start(await caller.workflow(pictures=1)))
        everybody = [(await until_completed(talker, {"1"}))["1"] for talker in (*wide, *less)]
    told = [[answer["stream"] for answer in answers] for answers in everybody]
    pictures = [[event["subject"] for event in events if event["event"] == "image.created"] for events in told]
    assert pictures == [[{"__typename": "Image"}], [{"__typename": "Image"}], [], []]
    rest = [[event for event in events if event["event"] != "image.created"] for events in told]
    assert rest == [rest[0]] * 4


async def test_nothing_of_the_former_comes_under_an_id_that_is_used_again(client: Client) -> None:
    shapes = ("event", "cursor", "channel")
    going_on = asyncio.create_task(_runs(client))
    async with acknowledged(client) as talker:
        for turn in range(30):
            shape = shapes[turn % 3]
            await talker.ask("1", f"subscription {{ stream(channels: [{{name: RUNS}}]) {{ {shape} }} }}")
            for _ in range(turn % 4):
                assert (await talker.hear())["payload"]["data"]["stream"].keys() == {shape}
            await talker.say(id="1", type="complete")
            await talker.say(type="ping", payload={"turn": turn})
            while (message := await talker.hear())["type"] != "pong":
                assert message["payload"]["data"]["stream"].keys() == {shape}
            await talker.ask("1", VIEWER)
            assert (await talker.hear())["payload"]["data"] == {"viewer": {"kind": "api_key"}}
            assert await talker.hear() == {"id": "1", "type": "complete"}
    going_on.cancel()
    await asyncio.wait({going_on})


async def _runs(client: Client) -> None:
    while True:
        await finish_a_run(client)


@pytest.mark.asyncio(loop_scope="function")
async def test_who_has_too_many_is_told_to_come_back_and_may_once_one_is_gone(
    settings: Settings, database_url: str
) -> None:
    async with serving(settings.model_copy(update={"sockets_per_caller": 3}), database_url) as client:
        async with acknowledged(client) as first, acknowledged(client), sourcing(client, STREAM):
            async with talking(client) as talker:
                await talker.say(type="connection_init", payload={"apiKey": client.key.apiKey})
                assert (await talker.closed())[0] == 1013
            async with talking(client, subprotocols=["easel.v1"]) as talker:
                await talker.say(type="auth", apiKey=client.key.apiKey)
                assert (await talker.closed())[0] == 1013
            refused = await client.http.post(ADDRESS, json={"query": STREAM}, headers=EVENT_STREAM)
            assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
            assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
            await first.ask("1", VIEWER)
            assert (await first.hear())["payload"]["data"]["viewer"]
        for _ in range(3):  # what is gone counts no more
            async with acknowledged(client), acknowledged(client), acknowledged(client):
                pass
