"""Waiting that measures the other side, and not ourselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

TICK_SECONDS = 0.05


@asynccontextmanager
async def patience(seconds: float) -> AsyncIterator[None]:
    """
    Raises TimeoutError after so many seconds in which this process could have heard an answer.

    `asyncio.timeout` goes by the clock: where this process itself stood still (a garbage collection, a core that
    others had), the time is over before an answer that lies there is read. Here it is counted in ticks, and one that
    comes late counts for no more than one in time.
    """
    loop = asyncio.get_running_loop()
    left = ceil(seconds / TICK_SECONDS)
    ticking: asyncio.TimerHandle

    def tick() -> None:
        nonlocal left, ticking
        left -= 1
        if left:
            ticking = loop.call_later(TICK_SECONDS, tick)
        else:
            timeout.reschedule(loop.time())

    ticking = loop.call_later(TICK_SECONDS, tick)
    try:
        async with asyncio.timeout(None) as timeout:
            yield
    finally:
        ticking.cancel()
