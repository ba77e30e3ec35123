"""Who has left a topic is told nothing more, whenever they leave."""

import asyncio
from collections.abc import Callable, Hashable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from app.parts import Parts
from streams.topics.topic import SINKS_AT_ONCE, Topics
from tests.streams.following import Listener, canceled_run, channels_of, listening
from tests.studio import tenant


@dataclass(eq=False)
class Trigger(Listener):
    """One who has something done soon after they are told the first event."""

    do: Callable[[], None] = lambda: None

    def push(self, payload: Any, subject: Hashable) -> None:
        if not self.got:
            asyncio.get_running_loop().call_soon(self.do)
        super().push(payload, subject)


async def test_who_leaves_while_an_event_is_told_to_many_is_not_told_it_afterwards(parts: Parts) -> None:
    one = await tenant(parts)
    channels, topics, last = channels_of(parts, {one.project_id: None}, None), Topics(), Listener()
    told_before_leaving: list[int] = []

    def leave() -> None:
        topics.leave(last)
        told_before_leaving.append(len(last.got))

    async with AsyncExitStack() as stack:
        others = [Trigger(do=leave), *(Listener() for _ in range(SINKS_AT_ONCE - 1))]
        for listener in (*others, last):
            await stack.enter_async_context(listening(channels, topics, listener))
        while not topics._open or len(next(iter(topics._open.values()))[0].sinks) < SINKS_AT_ONCE + 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing tells
        await canceled_run(one)
        await others[-1].has(7)
        assert [len(last.got)] == told_before_leaving
