"""Patience runs out by ticks of the loop, not by the clock."""

import asyncio
import time

import pytest

from gateway.patience import TICK_SECONDS, patience


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
        await asyncio.sleep(0)
    await asyncio.sleep(4 * TICK_SECONDS)  # its ticks would be over


async def test_an_error_within_is_told_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with patience(TICK_SECONDS):
            raise LookupError
