"""How sockets of the plain envelope end: by silence, by idleness, by too many of them, by a server that stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, update

from app.settings import Settings
from domain.api_keys import ApiKey
from storage.tables import TABLES
from tests.protocols.conversing import GONE_ON, closes, finish_a_run, say
from tests.protocols.enveloping import connected, corresponding
from tests.servers.valkey_process import start_valkey
from tests.studio import Client, serving

RESTARTS, TRY_AGAIN_LATER, TOO_LATE, NO_LONGER_VALID, IDLE = 1012, 1013, 4408, 4419, 4421


@asynccontextmanager
async def served(settings: Settings, database_url: str, **changes: Any) -> AsyncIterator[Client]:
    async with serving(settings.model_copy(update=changes), database_url) as one:
        yield one


async def test_who_does_not_say_in_time_who_they_are_is_closed_with_4408(settings: Settings, database_url: str) -> None:
    async with served(settings, database_url, socket_init_seconds=0.2) as client:
        for steps in ((), GONE_ON, (say("[]"),)):
            async with connected(client) as one:
                for step in (*steps, closes(TOO_LATE)):
                    await step(one, client)


async def test_who_said_it_in_the_handshake_may_take_their_time(settings: Settings, database_url: str) -> None:
    hurried = {"socket_init_seconds": 0.1, "socket_idle_seconds": 0.5}
    async with served(settings, database_url, **hurried) as client, corresponding(client) as one:
        assert (await one.closed())[0] == IDLE  # much later, and for another reason


async def test_idle_sockets_are_closed_with_4421_and_others_are_not(settings: Settings, database_url: str) -> None:
    async with (
        served(settings, database_url, socket_idle_seconds=0.4) as client,
        corresponding(client) as idle,
        corresponding(client) as busy,
        corresponding(client) as ended,
    ):
        await busy.subscribe()
        await ended.subscribe()
        await ended.unsubscribe("runs")
        assert (await idle.closed())[0] == IDLE
        assert (await ended.closed())[0] == IDLE
        await busy.hears_nothing_more()


async def test_more_sockets_than_a_caller_may_have_are_closed_with_1013(settings: Settings, database_url: str) -> None:
    async with served(settings, database_url, sockets_per_caller=2) as client:
        async with corresponding(client) as first, connected(client) as second:
            await first.subscribe()
            await second.authenticate(apiKey=client.key.apiKey)
            async with corresponding(client) as third:
                assert (await third.closed())[0] == TRY_AGAIN_LATER
            async with connected(client) as third:
                await third.say(type="auth", apiKey=client.key.apiKey)
                assert (await third.closed())[0] == TRY_AGAIN_LATER
            await first.authenticate(apiKey=client.key.apiKey)
            await first.hears_nothing_more()
        async with corresponding(client) as one, corresponding(client) as other:
            await one.subscribe()
            await other.subscribe()


async def test_a_server_that_stops_sends_all_away_with_1012(settings: Settings, database_url: str) -> None:
    async with AsyncExitStack() as server:
        client = await server.enter_async_context(served(settings, database_url))
        async with corresponding(client) as busy, corresponding(client) as idle, connected(client) as nobody:
            await busy.subscribe()
            await idle.hears_nothing_more()
            await nobody.hears_nothing_more()
            stopping = asyncio.create_task(server.aclose())
            for one in (busy, idle, nobody):
                assert (await one.closed())[0] == RESTARTS
        await stopping


async def test_whose_key_is_revoked_is_closed_with_4419_and_may_not_come_again(
    settings: Settings, database_url: str
) -> None:
    async with served(settings, database_url, socket_recheck_seconds=0.1) as client, corresponding(client) as one:
        await one.subscribe()
        async with client.parts.engine.begin() as connection:
            await connection.execute(update(TABLES[ApiKey]).values(revoked_at=func.now()))
        assert (await one.closed())[0] == NO_LONGER_VALID


async def test_two_servers_over_one_valkey_tell_the_same(settings: Settings, database_url: str, tmp_path: Path) -> None:
    with start_valkey(tmp_path / "valkey") as valkey:
        shared = {"redis_url": valkey.url, "feed_check_seconds": 60}
        async with (
            served(settings, database_url, **shared) as here,
            served(settings, database_url, **shared) as there,
            corresponding(here) as watcher,
            corresponding(there) as other,
        ):
            await watcher.subscribe("presence")
            assert (await watcher.hear())["payload"]["members"] == []
            async with corresponding(there) as ada:
                connection = (await ada.authenticate())["connectionId"]
                await ada.say(type="presence", state={"x": 1})
                joined = await watcher.hear()
                assert (joined["event"], joined["payload"]["connectionId"]) == ("presence.joined", connection)
                await other.subscribe("presence")
                members = (await other.hear())["payload"]["members"]
                assert [one["connectionId"] for one in members] == [connection]
                await ada.say(type="presence", state={"x": 2})
                for one in (watcher, other):
                    assert (await one.hear())["payload"]["state"] == {"x": 2}
            for one in (watcher, other):
                assert (await one.hear())["event"] == "presence.left"
            await watcher.subscribe()
            await asyncio.gather(finish_a_run(there), watcher.hear_until("run.completed"))
