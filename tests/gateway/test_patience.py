"""Patience runs out by ticks of the loop, not by the clock."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.limits import ANSWER_SECONDS, RateLimit, open_limiter
from gateway.patience import TICK_SECONDS, patience
from tests.servers.valkey_process import ValkeyProcess, start_valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    with start_valkey(tmp_path / "valkey") as process:
        yield process


async def test_what_does_not_come_is_waited_for_so_long() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with patience(4 * TICK_SECONDS):
            await asyncio.Event().wait()
    assert time.monotonic() - began >= 4 * TICK_SECONDS


async def test_standing_still_counts_for_one_tick() -> None:
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with patience(4 * TICK_SECONDS):
        time.sleep(8 * TICK_SECONDS)  # noqa: ASYNC251 - this process stands still
        loop.call_later(TICK_SECONDS, heard.set)
        await heard.wait()


async def test_what_comes_in_time_is_not_broken_off_later() -> None:
    async with patience(2 * TICK_SECONDS):
        await asyncio.sleep(0)  # it comes at once
    await asyncio.sleep(4 * TICK_SECONDS)  # its ticks would be over


async def test_an_error_within_is_told_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with patience(TICK_SECONDS):
            raise LookupError


async def test_a_process_that_stood_still_takes_valkey_for_away_no_sooner(valkey: ValkeyProcess) -> None:
    async with open_limiter(valkey.url, refuse_when_away=True) as limiter:
        await limiter.hit("still", RateLimit(10, 60))
        asyncio.get_running_loop().call_soon(time.sleep, 2 * ANSWER_SECONDS)  # others have the core
        assert (await limiter.hit("still", RateLimit(10, 60))).remaining == 8


async def test_after_a_restart_many_hits_at_once_tell_the_scripts_once(valkey: ValkeyProcess) -> None:
    async with open_limiter(valkey.url, refuse_when_away=True) as limiter:
        for number in range(2):
            states = await asyncio.gather(*(limiter.hit(str(number), RateLimit(100, 60)) for _ in range(300)))
            assert sum(state.allowed for state in states) == 100
            valkey.kill()
            await asyncio.to_thread(valkey.start)
