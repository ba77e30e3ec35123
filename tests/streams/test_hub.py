"""The hub: one subscription for each project that somebody follows, and nothing once nobody does."""

import asyncio
from contextlib import AsyncExitStack

from app.parts import Parts
from domain.ids import Id
from streams.feeds.hub import Hub
from streams.topics.topic import Topics
from tests.streams.following import (
    EVENTS_OF_A_CANCELED_RUN,
    Listener,
    canceled_run,
    channels_of,
    following,
    listening,
    until,
)
from tests.studio import tenant


def _is_idle(hub: Hub) -> bool:
    hearing = hub._hearing
    return not (hearing.channels or hearing.listeners or hearing._bus._subscribers)


async def _follow_for_a_moment(hub: Hub, project_id: Id) -> None:
    async with hub.follow([project_id], {}):
        pass


async def test_fifty_followers_share_one_subscription_and_each_gets_everything(parts: Parts) -> None:
    one = await tenant(parts)
    async with AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(following(parts, {one.project_id: None})) for _ in range(50)]
        await canceled_run(one)
        for listener in listeners:
            await listener.has(7)
        assert [listener.events for listener in listeners] == [EVENTS_OF_A_CANCELED_RUN] * 50
        assert [len(queues) for queues in parts.studio.hub._hearing._bus._subscribers.values()] == [1]


async def test_nothing_is_left_after_the_last_follower(parts: Parts) -> None:
    one = await tenant(parts)
    for _ in range(20):
        await asyncio.gather(*(_follow_for_a_moment(parts.studio.hub, one.project_id) for _ in range(5)))
    await until(lambda: _is_idle(parts.studio.hub))


async def test_followers_that_leave_while_they_join_leave_nothing_and_harm_nobody(unchecked: Parts) -> None:
    one = await tenant(unchecked)
    await canceled_run(one)
    for rounds in range(30):
        joining = [asyncio.create_task(_follow_for_a_moment(unchecked.studio.hub, one.project_id)) for _ in range(6)]
        for _ in range(rounds % 6):
            await asyncio.sleep(0)  # so many turns of those who join
        for task in joining[:: 1 + rounds % 2]:
            task.cancel()
        await asyncio.wait(joining)
        assert not [task for task in joining if not task.cancelled() and task.exception()]
    async with following(unchecked, {one.project_id: None}) as listener:
        await listener.has(7)
        await canceled_run(one)
        assert [delivery.event for delivery in await listener.has(14)] == EVENTS_OF_A_CANCELED_RUN * 2
    await until(lambda: _is_idle(unchecked.studio.hub))


class _Slow(Listener):
    """Takes nothing while it is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = asyncio.Event()

    async def has_room(self) -> None:
        await self.is_open.wait()


async def test_who_does_not_take_holds_up_nobody(parts: Parts) -> None:
    one, topics = await tenant(parts), Topics()
    await canceled_run(one)
    channels = channels_of(parts, {one.project_id: None}, parts.studio.cursors.write({one.project_id: 0}))
    async with listening(channels, topics, _Slow()) as slow, listening(channels, topics) as quick:
        for _ in range(40):
            await canceled_run(one)
        await quick.has(287)
        assert not slow.got
        slow.is_open.set()
        assert [delivery.cursor for delivery in await slow.has(287)] == [delivery.cursor for delivery in quick.got]
