"""The bus may lose what it carries: listeners find it in the database, soon."""

from collections.abc import AsyncIterator

import pytest

from app.parts import Parts, open_parts
from app.settings import Settings
from domain.ids import Id
from streams.feeds.announcer import channel_of
from tests.streams.following import EVENTS_OF_A_CANCELED_RUN, canceled_run, following, until
from tests.studio import tenant


@pytest.fixture
async def mute(settings: Settings, database_url: str) -> AsyncIterator[Parts]:
    """Another process on the same database whose publications reach nobody."""
    async with open_parts(settings, database_url, "http://easel.test") as opened:
        await opened.studio.hub._hearing._bus._backend.disconnect()
        object.__setattr__(opened.database, "tell", lambda _: None)
        yield opened


async def test_what_the_bus_lost_arrives_with_the_next_check(parts: Parts, mute: Parts) -> None:
    heard, unheard = await tenant(parts), await tenant(mute)
    async with following(parts, {heard.project_id: None}) as listener:
        await canceled_run(heard)
        await listener.has(7)
        await canceled_run(unheard)
        await listener.has(14)
        await canceled_run(heard)
        await canceled_run(unheard)
        await listener.has(28)
    assert listener.events == EVENTS_OF_A_CANCELED_RUN * 4


async def test_a_loss_found_by_the_next_publication_is_filled_in_order(parts: Parts, mute: Parts) -> None:
    heard, unheard = await tenant(parts), await tenant(mute)
    async with following(parts, {heard.project_id: None}) as listener:
        await canceled_run(heard)
        await listener.has(7)
        for _ in range(5):
            await canceled_run(unheard)
            await canceled_run(heard)
        await listener.has(77)
    cursors = [parts.studio.cursors.read(delivery.cursor) for delivery in listener.got]
    assert [cursor[heard.project_id] for cursor in cursors] == list(range(1, 78))


async def test_a_message_that_is_not_understood_does_not_deafen(unchecked: Parts) -> None:
    one = await tenant(unchecked)
    async with following(unchecked, {one.project_id: None}) as listener:
        await canceled_run(one)
        await listener.has(7)
        for message in ("{", "[{}]", "null", "[]", ""):
            await unchecked.studio.hub._hearing._bus.publish(channel_of(Id(one.project_id)), message)
        await canceled_run(one)
        await listener.has(14)
        assert len(unchecked.studio.hub._hearing.listeners) == 1
    assert listener.events == EVENTS_OF_A_CANCELED_RUN * 2
    await until(lambda: not unchecked.studio.hub._hearing.listeners)
