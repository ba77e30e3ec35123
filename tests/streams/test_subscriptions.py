"""Live updates as a GraphQL client sees them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.settings import Settings
from domain.errors import DomainError
from domain.ids import Id
from tests.studio import Client, client_of, serving

START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id traceId } } }"
EVENTS = "query($id: ID!) { run(id: $id) { events(first: 100) { nodes { event payload } } } }"
WATCH = "subscription($id: ID!) { runUpdated(id: $id) { status } }"
STREAM = """subscription($channels: [ChannelInput!]!, $after: String) {
  stream(channels: $channels, after: $after) {
    cursor channel event payload clientMutationId traceId occurredAt
    subject { __typename ... on Run { id status } ... on RunStep { id nodeId } ... on Image { id width } }
  }
}"""
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    async with serving(settings, database_url) as one:
        yield one


async def _run(client: Client, **more: Any) -> dict[str, Any]:
    workflows = await client.ask("{ project { workflows { nodes { id } } } }")
    given = {"workflowId": workflows["project"]["workflows"]["nodes"][0]["id"], "inputs": {"prompt": "x"}, **more}
    body = {"query": START, "variables": {"input": given}}
    answer = await client.http.post("/graphql", json=body, headers={"traceparent": f"00-{TRACE}-{'1' * 16}-01"})
    run: dict[str, Any] = answer.json()["data"]["startRun"]["run"]
    return run


async def _stream_until_completed(client: Client, after: str | None, **channel: str) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = []
    async with asyncio.timeout(30), client.live() as live:
        async for answer in live.watch(STREAM, channels=[{"name": "RUNS", **channel}], after=after):
            got.append(answer["stream"])
            if got[-1]["event"] == "run.completed":
                break
    return got


def _beginning(client: Client) -> str:
    return client.parts.studio.cursors.write({Id(client.key.projectId): 0})


async def test_an_envelope_says_what_happened_by_whom_and_to_what(client: Client) -> None:
    mutation = "a-mutation-of-mine-1"
    run = await _run(client, clientMutationId=mutation)
    got = await _stream_until_completed(client, _beginning(client), projectId=client.key.projectId)
    first = got[0]
    assert (first["channel"], first["event"], first["clientMutationId"]) == ("runs", "run.updated", mutation)
    assert first["payload"]["id"] == first["subject"]["id"] == run["id"]
    assert {"workflowId", "createdAt", "traceId", "metrics"} <= set(first["payload"])
    assert {envelope["subject"]["__typename"] for envelope in got} == {"Run", "RunStep", "Image"}
    assert [envelope["clientMutationId"] for envelope in got[1:]] == [None] * (len(got) - 1)
    assert all(envelope["occurredAt"].endswith("Z") for envelope in got)
    assert run["traceId"] == TRACE


async def test_all_events_of_a_run_carry_its_trace(client: Client) -> None:
    await _run(client)
    got = await _stream_until_completed(client, _beginning(client))
    assert {envelope["traceId"] for envelope in got} == {TRACE}


async def test_resumed_at_each_event_a_stream_is_what_the_run_recorded(client: Client) -> None:
    run = await _run(client)
    whole = await _stream_until_completed(client, _beginning(client))
    recorded = (await client.ask(EVENTS, id=run["id"]))["run"]["events"]["nodes"]
    assert [{"event": e["event"], "payload": e["payload"]} for e in whole] == recorded
    for place, cut in enumerate(whole[:-1], 1):
        rest = await _stream_until_completed(client, cut["cursor"], runId=run["id"])
        assert [e["payload"] for e in rest] == [e["payload"] for e in whole[place:]]


async def test_a_finished_run_is_told_once(client: Client) -> None:
    run = await _run(client)
    async with client.live() as live:
        states = [answer["runUpdated"]["status"] async for answer in live.watch(WATCH, id=run["id"])]
        assert states[-1] == "SUCCEEDED"
        again = [answer["runUpdated"]["status"] async for answer in live.watch(WATCH, id=run["id"])]
    assert again == ["SUCCEEDED"]


async def test_what_is_not_theirs_nobody_follows(client: Client) -> None:
    run = await _run(client)
    async with client_of(client.parts, client.url, "rival", "spy") as spy, spy.live() as live:
        for query, variables, code in (
            (STREAM, {"channels": [{"name": "RUNS", "projectId": client.key.projectId}]}, "PROJECT_NOT_FOUND"),
            (STREAM, {"channels": [{"name": "RUNS", "runId": run["id"]}]}, "RUN_NOT_FOUND"),
            (WATCH, {"id": run["id"]}, "RUN_NOT_FOUND"),
            (STREAM, {"channels": [{"name": "RUNS"}], "after": "x"}, "CURSOR_EXPIRED"),
            (STREAM, {"channels": [{"name": "RUNS"}] * 51}, "VALIDATION_ERROR"),
        ):
            with pytest.raises(DomainError) as refused:
                await live.ask(query, **variables)
            assert refused.value.code == code
