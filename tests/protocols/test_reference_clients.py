"""The clients of the protocols' authors understand this server, whatever happens to the line between them."""

import asyncio
from typing import Any

import pytest

from app.settings import Settings
from tests.api.asking import CREATE_ASSET
from tests.faults.callers import Caller, Told, told
from tests.protocols.conversing import KIND, VIEWER, finish_a_run, is_followed
from tests.protocols.reference import Clients
from tests.protocols.reference import Told as Seen
from tests.servers.stalling_proxy import stalling_proxy
from tests.streams.following import until
from tests.studio import Client, serving

pytestmark = pytest.mark.timeout(400)  # the first start fetches packages

STREAM = """subscription($after: String) {
  stream(channels: [{name: RUNS}], after: $after) { cursor event payload }
}"""
WATCH = "subscription($id: ID!) { runUpdated(id: $id) { status } }"
CUTS = 5


@pytest.fixture
async def client(settings: Settings, database_url: str) -> Any:
    async with serving(settings, database_url) as one:
        yield one


async def cursor_now(client: Client) -> str:
    """A cursor that nothing has happened after."""

    async def end_of_a_run() -> str:
        async with client.live() as live:
            async for update in live.watch(STREAM):
                if update["stream"]["event"] == "run.completed":
                    cursor = str(update["stream"]["cursor"])
                    break
        return cursor

    hearing = asyncio.create_task(end_of_a_run())
    while not hearing.done():
        await finish_a_run(client)
        await asyncio.wait({hearing}, timeout=1)
    return await hearing


async def a_run(client: Client) -> list[Told]:
    """A run to its end, and what there is to hear of it."""
    caller = Caller(client.http, client.key)
    run = await caller.finished(await caller.start(await caller.workflow(pictures=0)))
    return [told(event) for event in run["events"]["nodes"]]


def heard_by(seen: Seen, place: int, whole: list[Told]) -> list[Told]:
    """What a stream heard of those events, as often as it heard them."""
    return [one for event in seen.heard(place) if (one := told(event)) in set(whole)]


async def hears_all(seen: Seen, streams: int, last: Told) -> None:
    waiting = set(range(streams)) - {
        line["place"] for line in seen.seen if "heard" in line and told(line["heard"]) == last
    }
    while waiting:
        line = await seen.until(lambda line: "heard" in line and told(line["heard"]) == last)
        waiting.discard(line["place"])


@pytest.mark.parametrize(("program", "streams"), [("follow", 50), ("source", 6)])
async def test_cut_off_again_and_again_each_stream_goes_on_without_gap_or_repeat(
    client: Client, clients: Clients, program: str, streams: int
) -> None:
    after = await cursor_now(client)
    async with stalling_proxy(int(client.url.rpartition(":")[2])) as proxy:
        url = f"{'ws' if program == 'follow' else 'http'}://127.0.0.1:{proxy.port}/v1/streams"
        asked = {"url": url, "apiKey": client.key.apiKey, "query": STREAM, "after": after, "streams": streams}
        async with clients.running(program, **asked) as seen:
            whole = await a_run(client)
            await hears_all(seen, streams, whole[-1])
            for _ in range(CUTS):
                running = asyncio.create_task(a_run(client))
                await seen.until(lambda line: "heard" in line)
                proxy.cut()
                whole += await running
                await hears_all(seen, streams, whole[-1])
    assert [heard_by(seen, place, whole) for place in range(streams)] == [whole] * streams
    assert not seen.of("failed") + seen.of("completed")
    assert len(seen.of("connected")) >= (CUTS + 1) * (1 if program == "follow" else streams)


def asked_over_the_socket(client: Client, run_id: str) -> list[dict[str, Any]]:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x"}
    return [
        {"query": VIEWER},
        {"query": CREATE_ASSET, "variables": {"input": given}},
        {"query": WATCH, "variables": {"id": run_id}},
        {"query": "{ nope nada }"},
        {"query": "query a { viewer { kind } } query b { __typename }", "operationName": "a"},
        {"query": WATCH, "variables": {"id": "x"}},
    ]


async def finished_run(client: Client) -> str:
    caller = Caller(client.http, client.key)
    run_id = await caller.start(await caller.workflow(pictures=1))
    await caller.finished(run_id)
    return run_id


@pytest.mark.parametrize("lazy", [True, False])
async def test_queries_mutations_and_subscriptions_are_answered_over_the_socket(
    client: Client, clients: Clients, *, lazy: bool
) -> None:
    url = f"ws{client.url.removeprefix('http')}/v1/streams"
    asked = asked_over_the_socket(client, await finished_run(client))
    async with clients.running("ask", url=url, apiKey=client.key.apiKey, lazy=lazy, asked=asked) as seen:
        await seen.to_the_end()
    query, mutation, watched, named, *unknown = seen.of("answers")
    assert [answer["data"] for answer in (*query, *named)] == [KIND] * 2
    assert mutation[0]["data"]["createAsset"]["asset"]["id"]
    assert [answer["data"] for answer in watched] == [{"runUpdated": {"status": "SUCCEEDED"}}]
    refused = seen.of("refused") + [answer["errors"] for answers in unknown for answer in answers]
    codes = [[error["extensions"]["code"] for error in errors] for errors in refused]
    assert codes == [["GRAPHQL_VALIDATION_FAILED"] * 2, ["RUN_NOT_FOUND"]]
    assert set(seen.of("closed")) == {1000}
    assert (len(seen.of("connected")) > 1) is lazy  # the lazy one hangs up after each


async def test_a_client_that_asks_whether_we_are_there_is_answered(client: Client, clients: Clients) -> None:
    url = f"ws{client.url.removeprefix('http')}/v1/streams"
    more = {"lazy": False, "keepAlive": 50, "pause": 500, "asked": [{"query": VIEWER}]}
    async with clients.running("ask", url=url, apiKey=client.key.apiKey, **more) as seen:
        await seen.to_the_end()
    assert len(seen.of("pong")) >= 5
    assert len(seen.of("connected")) == 1


async def test_a_key_that_opens_nothing_is_told_so_once(client: Client, clients: Clients) -> None:
    url = f"ws{client.url.removeprefix('http')}/v1/streams"
    async with clients.running("follow", url=url, apiKey="x", query=STREAM, streams=1) as seen:
        closed = await seen.until(lambda line: "closed" in line)
    assert closed["closed"] == 4403


async def test_event_streams_end_where_their_operation_ends_or_their_reader(client: Client, clients: Clients) -> None:
    run_id, after = await finished_run(client), await cursor_now(client)
    asked = [
        *asked_over_the_socket(client, run_id),
        {"query": STREAM, "variables": {"after": after}},
    ]
    url = f"{client.url}/v1/streams"
    await a_run(client)
    async with clients.running("source", url=url, apiKey=client.key.apiKey, asked=asked, enough=3) as seen:
        await seen.to_the_end()
    query, mutation, watched, invalid, named, unknown, taken = seen.of("answers")
    assert [answer["data"] for answer in (*query, *named)] == [KIND] * 2
    assert mutation[0]["data"]["createAsset"]["asset"]["id"]
    assert [answer["data"] for answer in watched] == [{"runUpdated": {"status": "SUCCEEDED"}}]
    assert [error["extensions"]["code"] for error in invalid[0]["errors"]] == ["GRAPHQL_VALIDATION_FAILED"] * 2
    assert [error["extensions"]["code"] for error in unknown[0]["errors"]] == ["RUN_NOT_FOUND"]
    assert len(taken) == 3
    await until(lambda: not is_followed(client))
