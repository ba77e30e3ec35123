"""A Redis that takes its time: what is asked of it late is not lost."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from storage.bus import RESYNC, BusLimits, create_bus
from tests.servers.valkey_process import start_valkey
from tests.storage.test_bus import ELSEWHERE, receive


async def test_channels_that_a_busy_server_takes_late_are_heard_and_told_to_read_again(tmp_path: Path) -> None:
    limits = BusLimits(call_seconds=0.3, keepalive_seconds=10)
    with start_valkey(tmp_path / "busy") as busy:
        async with (
            create_bus(redis_url=busy.url, database_url=ELSEWHERE, limits=limits) as bus,
            AsyncExitStack() as stack,
        ):
            os.kill(busy.pid, signal.SIGSTOP)
            names = [f"runs {number}" for number in range(1_200)]
            opening = [stack.enter_async_context(bus.subscribe(name)) for name in names]
            subscribers = await asyncio.gather(*opening)
            os.kill(busy.pid, signal.SIGCONT)
            assert [await receive(subscriber) for subscriber in subscribers] == [RESYNC] * len(names)
            await bus.publish(names[-1], "heard")
            assert await receive(subscribers[-1]) == "heard"
