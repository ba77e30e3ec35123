"""Valkey and PostgreSQL killed under many streams: a delay, and nothing lost, told twice or out of order."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from tests.faults.callers import until
from tests.faults.plain_sockets import PlainSocket, Speech, subscribed
from tests.faults.processes import Home
from tests.faults.telling import EVENTS_AT_ONCE, Teller, telling
from tests.servers.postgres_process import PostgresProcess, start_postgres
from tests.servers.valkey_process import ValkeyProcess, start_valkey

PROCESSES, LISTENERS, PER_SECOND = 3, 30, 100
AWAY_SECONDS, BACK_SECONDS, SAID_SECONDS = 1.5, 5.0, 2.0

log = logging.getLogger(__name__)
pytestmark = pytest.mark.slow


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    with start_valkey(tmp_path / "valkey") as process:
        yield process


@pytest.fixture
def postgres() -> Iterator[PostgresProcess]:
    with start_postgres() as process:
        yield process


@asynccontextmanager
async def listened_to(home: Home, processes: int) -> AsyncIterator[tuple[Teller, list[PlainSocket]]]:
    """A project and its listeners, of all protocols, spread over the processes; all have begun to hear."""
    async with AsyncExitStack() as stack:
        urls = [stack.enter_context(home.serving("--workers", "0")).url for _ in range(processes)]
        key, sockets = home.key(), stack.enter_context(ExitStack())
        listeners = [
            await subscribed(sockets, key, list(Speech)[place % 3], url=urls[place % processes])
            for place in range(LISTENERS)
        ]
        settings = home.settings
        database_url, redis_url = settings["EASEL_DATABASE_URL"], settings["EASEL_REDIS_URL"]
        teller = await stack.enter_async_context(telling(key.projectId, database_url, redis_url))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        listening = [tasks.create_task(one.read_on()) for one in listeners]
        await until(lambda: _all_hear(teller, listeners))
        yield teller, listeners
        for task in listening:
            task.cancel()


async def _all_hear(teller: Teller, listeners: Sequence[PlainSocket]) -> bool:
    await teller.tell()
    return all(one.heard for one in listeners)


async def _told_to_all(teller: Teller, listeners: Sequence[PlainSocket]) -> float:
    """How long it takes until all have heard what is told now."""
    began = time.monotonic()
    await teller.tell()
    last = teller.told
    async with asyncio.timeout(20):
        while any(one.numbers[-1:] < [last] for one in listeners):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    return time.monotonic() - began


def _heard_whole(listeners: Sequence[PlainSocket], last: int) -> None:
    for one in listeners:
        assert not one.is_over
        assert one.numbers == list(range(one.numbers[0], last + 1))
        assert {payload["event"] for payload in one.heard} == {"run.updated"}


async def test_valkey_killed_under_load_costs_three_processes_a_delay_and_nothing_else(
    tmp_path: Path, database_url: str, valkey: ValkeyProcess
) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": database_url, "EASEL_REDIS_URL": valkey.url})
    async with listened_to(home, PROCESSES) as (teller, listeners):
        going_on = asyncio.create_task(teller.go_on(PER_SECOND))
        await asyncio.sleep(0.5)
        valkey.kill()
        await asyncio.sleep(AWAY_SECONDS)
        valkey.start()
        back = time.monotonic()
        teller.is_quiet = True
        await going_on
        await _told_to_all(teller, listeners)
        seconds = time.monotonic() - back
        again = await _told_to_all(teller, listeners)
        _heard_whole(listeners, teller.told)
    log.info("%.2f s after Valkey was back all was delivered; then in %.0f ms", seconds, 1e3 * again)
    assert seconds <= BACK_SECONDS
    assert "Traceback" not in home.errors.read_text()


async def test_postgres_killed_under_open_streams_costs_a_delay_and_nothing_else(
    tmp_path: Path, postgres: PostgresProcess, valkey: ValkeyProcess
) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": postgres.url, "EASEL_REDIS_URL": valkey.url})
    async with listened_to(home, 1) as (teller, listeners):
        postgres.kill()
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(postgres.start)
        back = time.monotonic()
        await until(lambda: _tells(teller))
        await _told_to_all(teller, listeners)
        seconds = time.monotonic() - back
        _heard_whole(listeners, teller.told)
    log.info("%.2f s after PostgreSQL was back all was delivered", seconds)
    assert seconds <= BACK_SECONDS
    assert "Traceback" not in home.errors.read_text()


async def _tells(teller: Teller) -> bool:
    with suppress(Exception):
        await teller.tell()
        return True
    return False


@pytest.mark.parametrize("loss", ["flushed", "killed and started again"])
async def test_an_idle_stream_hears_what_is_told_next_whatever_was_lost_of_valkey(
    tmp_path: Path, database_url: str, valkey: ValkeyProcess, loss: str
) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": database_url, "EASEL_REDIS_URL": valkey.url})
    async with listened_to(home, 1) as (teller, listeners):
        await _told_to_all(teller, listeners)
        if loss == "flushed":
            with redis.Redis.from_url(valkey.url) as connection:
                connection.flushall()
        else:
            valkey.kill()
            valkey.start()
        seconds = await _told_to_all(teller, listeners)
        _heard_whole(listeners, teller.told)
    log.info("%s: delivered after %.2f s", loss, seconds)
    assert seconds <= SAID_SECONDS


async def test_who_comes_with_a_cursor_whose_history_is_gone_is_told_so_at_once_and_goes_on(
    tmp_path: Path, database_url: str, valkey: ValkeyProcess
) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": database_url, "EASEL_REDIS_URL": valkey.url})
    async with listened_to(home, 1) as (teller, listeners):
        old = listeners[0].cursor
        await _told_to_all(teller, listeners)
        async with teller.engine.begin() as connection:
            await connection.execute(text("DELETE FROM events"))
        with home.serving("--workers", "0") as elsewhere, ExitStack() as sockets:
            key, began = home.key(), time.monotonic()
            late = [await subscribed(sockets, key, speech, url=elsewhere.url, after=old) for speech in Speech]
            await asyncio.gather(*(one.read_until(0) for one in late))
            seconds = time.monotonic() - began
            reading = [asyncio.create_task(one.read_on()) for one in late]
            await _told_to_all(teller, [*listeners, *late])
            for task in reading:
                task.cancel()
    log.info("told of the loss after %.2f s", seconds)
    assert seconds <= SAID_SECONDS
    for one in late:
        assert [payload["event"] for payload in one.heard] == ["resync", *["run.updated"] * EVENTS_AT_ONCE]
        assert one.numbers == list(range(teller.told - EVENTS_AT_ONCE + 1, teller.told + 1))
