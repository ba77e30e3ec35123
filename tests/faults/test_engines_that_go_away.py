"""PostgreSQL and Valkey killed under a server that goes on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.faults.callers import Caller, Listener, calling, listening, told, until
from tests.faults.processes import Home
from tests.servers.postgres_process import PostgresProcess, start_postgres
from tests.servers.valkey_process import ValkeyProcess, start_valkey
from tests.studio import GraphQLFailure

PICTURES = 8
QUERY = {"query": "{ project { id } }"}


@pytest.fixture
def postgres() -> Iterator[PostgresProcess]:
    with start_postgres() as process:
        yield process


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    with start_valkey(tmp_path) as process:
        yield process


@asynccontextmanager
async def listened_to(home: Home) -> AsyncIterator[tuple[Caller, Listener]]:
    """A server, who calls it, and who listens to it."""
    with home.serving():
        async with calling(home.key()) as caller, listening(caller) as listener:
            yield caller, listener


async def heard_whole(caller: Caller, listener: Listener, run_id: str) -> None:
    """The run is finished, and the listener heard all of it, once and in order, over the connection it had."""
    run = await caller.finished(run_id)
    assert run["status"] == "SUCCEEDED"
    recorded = [told(event) for event in run["events"]["nodes"]]

    async def heard() -> list[object]:
        return [*listener.of_run(run_id)]

    await until(heard, lambda events: len(events) >= len(recorded))
    assert listener.of_run(run_id) == recorded
    assert listener.connections == 1


async def test_a_server_goes_on_after_its_database_was_killed(tmp_path: Path, postgres: PostgresProcess) -> None:
    async with listened_to(Home(tmp_path, {"EASEL_DATABASE_URL": postgres.url})) as (caller, listener):
        run_id = await caller.start(await caller.workflow(pictures=PICTURES))
        await caller.until_drawing(run_id)
        postgres.kill()
        with pytest.raises(GraphQLFailure) as refused:
            await caller.run(run_id)
        assert refused.value.code == "UNAVAILABLE"
        assert refused.value.errors[0]["extensions"]["retryAfter"] > 0
        postgres.start()
        fresh = await until(partial(caller.workflow, pictures=0))
        assert (await caller.finished(await caller.start(fresh)))["status"] == "SUCCEEDED"
        await heard_whole(caller, listener, run_id)


async def test_what_needs_the_database_is_told_to_come_back_while_it_is_away(
    tmp_path: Path, postgres: PostgresProcess
) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": postgres.url})
    with home.serving():
        async with calling(home.key()) as caller:
            postgres.kill()
            for answer in (await caller.http.post("/graphql", json=QUERY), await caller.http.get("/health/ready")):
                assert answer.status_code == 503
                assert "UNAVAILABLE" in answer.text
                assert int(answer.headers["retry-after"]) > 0
            postgres.start()
            assert await until(partial(caller.ask, QUERY["query"]))


async def test_live_delivery_goes_on_after_valkey_was_killed(
    tmp_path: Path, database_url: str, valkey: ValkeyProcess
) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": database_url, "EASEL_REDIS_URL": valkey.url})
    async with listened_to(home) as (caller, listener):
        run_id = await caller.start(await caller.workflow(pictures=PICTURES))
        await caller.until_drawing(run_id)
        valkey.kill()
        without = await caller.start(await caller.workflow(pictures=1))
        await heard_whole(caller, listener, without)
        valkey.start()
        await heard_whole(caller, listener, run_id)
        await heard_whole(caller, listener, await caller.start(await caller.workflow(pictures=1)))
