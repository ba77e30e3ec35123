"""However a client goes that reads nothing, or is cut off: soon nothing of it is left, and the others see that."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from app.wires import CLOSE_SECONDS
from streams.sockets.outbox import STUCK_SECONDS
from tests.conftest import fresh_database
from tests.faults.beating import Beating, beating
from tests.faults.plain_sockets import Speech
from tests.faults.raw_sockets import RawSocket, close, introduced, opened, ping, text
from tests.servers.stalling_proxy import stalling_proxy

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

GONE_SECONDS = STUCK_SECONDS + CLOSE_SECONDS + 2
PRESENCE_SECONDS, CUT_OFF_SECONDS = 2, 5.0
FLOOD_SECONDS, MOST_GROWN_KIB = 12.0, 10_000
ENTER = 'mutation {{ setPresence(input: {{state: {{goes: "{}"}}}}) {{ clientMutationId }} }}'
SCHEMA = "{ __schema { types { name description fields { name description args { name description } } } } }"
LOOK = text({"type": "subscribe", "channel": "presence"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Beating]:
    folder = tmp_path_factory.mktemp("left")
    async with fresh_database() as url, beating(folder, url, cost_per_minute=1_000_000_000) as one:
        yield one


@asynccontextmanager
async def stuck(server: Beating, goes: str) -> AsyncIterator[RawSocket]:
    """Somebody who is present, asks for much, and reads none of it."""
    async with introduced(server.key, Speech.GRAPHQL, narrow=True) as one:
        await one.write(asked("enter", ENTER.format(goes)))
        await one.hear_until(type="complete")
        await one.write(*(asked(str(number), SCHEMA) for number in range(60)))
        yield one


def asked(id: str, document: str) -> bytes:
    return text({"type": "subscribe", "id": id, "payload": {"query": document}})


async def half_close(one: RawSocket) -> None:
    one.sock.shutdown(1)


async def say_close(one: RawSocket) -> None:
    await one.write(close())


async def say_nothing(one: RawSocket) -> None:
    pass


async def ping_on(one: RawSocket) -> None:
    """Until the server hangs up."""
    flood = ping(b"x" * 125) * 500
    with suppress(ConnectionError):
        while True:
            await one.write(flood)


GOES: dict[str, Callable[[RawSocket], Coroutine[Any, Any, None]]] = {
    "half-closed": half_close,
    "with a close frame": say_close,
    "without a word": say_nothing,
    "with pings": ping_on,
}


async def test_those_who_read_nothing_are_gone_soon_however_they_go(server: Beating) -> None:
    before = await server.idle()
    async with introduced(server.key, Speech.ENVELOPE) as watcher, AsyncExitStack() as stack:
        sockets = {name: await stack.enter_async_context(stuck(server, name)) for name in GOES}
        await watcher.write(LOOK)
        snapshot = await watcher.hear_until(event="presence.snapshot")
        assert {member["state"]["goes"] for member in snapshot["payload"]["members"]} == set(GOES)
        async with asyncio.timeout(GONE_SECONDS), asyncio.TaskGroup() as tasks:
            for name, one in sockets.items():
                tasks.create_task(GOES[name](one))
            for _ in GOES:
                await watcher.hear_until(event="presence.left")
            await server.until(lambda seen: (seen.sockets, seen.attending) == (before.sockets + 1,) * 2, GONE_SECONDS)
    await server.until(lambda seen: seen.sockets == before.sockets, CLOSE_SECONDS)


async def test_who_does_not_answer_the_close_of_the_server_is_let_go_of(server: Beating) -> None:
    before = await server.idle()
    async with introduced(server.key, Speech.GRAPHQL) as one:
        await one.write(text("{"))
        await server.until(lambda pulse: pulse.attending == before.attending, 1)
        await server.until(lambda pulse: pulse.sockets == before.sockets, CLOSE_SECONDS + 1)


async def test_pings_of_a_stranger_who_reads_no_pongs_cost_nothing(server: Beating) -> None:
    before = await server.idle()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(opened(server.key, Speech.ENVELOPE, narrow=True))
        flood = asyncio.create_task(ping_on(one))
        grown = 0
        async with asyncio.timeout(FLOOD_SECONDS + GONE_SECONDS):
            while not flood.done():
                grown = max(grown, (await server.pulse()).resident_kib - before.resident_kib)
                await asyncio.sleep(0.1)  # memory is looked at now and then
        await flood
    assert grown <= MOST_GROWN_KIB
    await server.until(lambda pulse: pulse.sockets == before.sockets, GONE_SECONDS)


@pytest.mark.asyncio(loop_scope="function")
async def test_who_is_cut_off_without_a_word_is_soon_absent_for_everybody_else(
    tmp_path: Path, database_url: str
) -> None:
    async with (
        beating(tmp_path, database_url, presence_seconds=PRESENCE_SECONDS) as server,
        stalling_proxy(urlsplit(server.url).port or 0) as proxy,
        introduced(server.key, Speech.ENVELOPE) as watcher,
        introduced(server.key, Speech.ENVELOPE, port=proxy.port) as one,
    ):
        await watcher.write(LOOK)
        await watcher.hear_until(event="presence.snapshot")
        await one.say(type="presence", state={"who": "cut off"})
        await watcher.hear_until(event="presence.joined")
        proxy.stall()
        async with asyncio.timeout(CUT_OFF_SECONDS):
            await watcher.hear_until(event="presence.left")
