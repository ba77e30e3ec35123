"""Event streams that go on: what happens comes at once, resumes, keeps the line warm, and ends with its reader."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from app.settings import Settings
from domain.api_keys import ApiKey
from storage.tables import TABLES
from tests.faults.callers import Caller
from tests.protocols.conversing import finish_a_run, is_followed
from tests.protocols.sourcing import Source, sourcing
from tests.streams.following import until
from tests.studio import Client, serving

STREAM = """subscription($after: String) {
  stream(channels: [{name: RUNS}], after: $after) { cursor event payload }
}"""
KEEP_ALIVE_SECONDS = 30


@pytest.fixture
async def client(settings: Settings, database_url: str) -> Any:
    async with serving(settings.model_copy(update={"socket_recheck_seconds": 0.1}), database_url) as one:
        yield one


async def of_one_run(source: Source) -> list[dict[str, Any]]:
    events = [(await source.next())["data"]["stream"]]
    while events[-1]["event"] != "run.completed":
        events.append((await source.next())["data"]["stream"])
    return events


async def heard_of_a_run(client: Client, source: Source) -> list[dict[str, Any]]:
    """Whoever has just asked may not be heard yet: runs are made until one is heard of."""
    hearing = asyncio.create_task(of_one_run(source))
    while not hearing.done():
        await finish_a_run(client)
        await asyncio.wait({hearing}, timeout=1)
    return await hearing


async def test_what_happens_comes_at_once_and_again_after_each_cursor(client: Client) -> None:
    async with sourcing(client, STREAM) as source:
        first = await heard_of_a_run(client, source)
    await finish_a_run(client)
    whole = first
    async with sourcing(client, STREAM, after=first[-1]["cursor"]) as source:
        whole = first + await of_one_run(source)
    for place, cut in enumerate(whole[:-1], 1):
        async with sourcing(client, STREAM, after=cut["cursor"]) as source:
            rest = [(await source.next())["data"]["stream"] for _ in whole[place:]]
        assert [*whole[:place], *rest] == whole


async def test_who_goes_away_ends_what_they_followed(client: Client) -> None:
    async with sourcing(client, STREAM) as source:
        await heard_of_a_run(client, source)
        assert is_followed(client)
    await until(lambda: not is_followed(client))
    asking = asyncio.create_task(heard_and_held(client))
    await until(lambda: is_followed(client))
    asking.cancel()
    await until(lambda: not is_followed(client))


async def heard_and_held(client: Client) -> None:
    async with sourcing(client, STREAM) as source:
        await source.hear()


@pytest.mark.slow
async def test_a_stream_on_which_nothing_happens_is_kept_warm(client: Client) -> None:
    async with sourcing(client, STREAM) as source:
        hearing = asyncio.create_task(source.hear(2 * KEEP_ALIVE_SECONDS))
        async with asyncio.timeout(KEEP_ALIVE_SECONDS):
            while len(source.comments) < 2:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.1)
        hearing.cancel()


async def test_a_stream_ends_with_its_key_and_is_not_called_complete(client: Client) -> None:
    async with sourcing(client, STREAM) as source:
        await heard_of_a_run(client, source)
        async with client.parts.engine.begin() as connection:
            await connection.execute(update(TABLES[ApiKey]).values(revoked_at=datetime.now(UTC)))
        assert await source.hear() is None
    assert "event: complete" not in source.raw


async def test_forty_streams_of_one_key_hear_the_same(client: Client) -> None:
    caller = Caller(client.http, client.key)
    await finish_a_run(client)
    async with sourcing(client, STREAM) as source:
        (first, *_) = await heard_of_a_run(client, source)
    run_id = await caller.start(await caller.workflow(pictures=0))
    told = await asyncio.gather(*(_all_of(client, first["cursor"], run_id) for _ in range(40)))
    assert told == [told[0]] * 40


async def _all_of(client: Client, after: str, run_id: str) -> list[dict[str, Any]]:
    async with sourcing(client, STREAM, after=after) as source:
        events: list[dict[str, Any]] = []
        while not events or (events[-1]["event"], events[-1]["payload"]["id"]) != ("run.completed", run_id):
            events.append((await source.next())["data"]["stream"])
        return events
