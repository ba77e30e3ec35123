"""Announcements are followed as a project is: live, from any number on, whatever the bus loses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from app.parts import Parts, open_parts
from app.settings import Settings
from domain.announcements import EVERYBODY, Announce, EndAnnouncement
from domain.commands import execute
from domain.ids import Id
from domain.permissions import operator_actor
from streams.feeds.hub import Follower
from tests.servers.valkey_process import ValkeyProcess
from tests.streams.following import EVENTS_OF_A_CANCELED_RUN, canceled_run
from tests.studio import tenant

LIMIT_SECONDS = 15
SPOKEN = ["announcement.started", "announcement.ended"]


async def spoken(parts: Parts, message: str = "Hello") -> None:
    """One announcement that begins and ends: two events in two commits."""
    one = await execute(parts.database.begin, operator_actor(EVERYBODY), Announce(level="info", message=message))
    await execute(parts.database.begin, operator_actor(EVERYBODY), EndAnnouncement(id=one.id))


async def heard(follower: Follower, count: int) -> list[tuple[Id, int, str]]:
    """The next so many events, each with its number in its sequence."""
    found: list[tuple[Id, int, str]] = []
    async with asyncio.timeout(LIMIT_SECONDS), aclosing(follower.batches()) as batches:  # type: ignore[type-var]
        while len(found) < count:
            batch, history_is_gone = await anext(batches)
            assert not history_is_gone
            for envelope in batch:
                follower.positions[envelope.event.project_id] = envelope.seq
                found.append((envelope.event.project_id, envelope.seq, envelope.event.event))
    return found


def numbered(first: int, events: list[str]) -> list[tuple[Id, int, str]]:
    return [(EVERYBODY, number, event) for number, event in enumerate(events, first)]


@asynccontextmanager
async def another(settings: Settings, database_url: str, **changes: object) -> AsyncIterator[Parts]:
    """Another process on the same database."""
    async with open_parts(settings.model_copy(update=changes), database_url, "http://easel.test") as opened:
        yield opened


async def test_they_are_heard_in_another_process_over_notify(
    parts: Parts, settings: Settings, database_url: str
) -> None:
    slow = {"feed_check_seconds": 60}
    async with another(settings, database_url, **slow) as there, there.studio.hub.follow([EVERYBODY], {}) as follower:
        await spoken(parts)
        await spoken(parts, "🎬" * 2_000)  # more than NOTIFY carries
        assert await heard(follower, 4) == numbered(1, SPOKEN * 2)


async def test_they_are_heard_over_valkey_and_after_it_was_away(
    unchecked: Parts, settings: Settings, database_url: str, valkey: ValkeyProcess
) -> None:
    async with (
        another(settings, database_url, redis_url=valkey.url) as there,
        unchecked.studio.hub.follow([EVERYBODY], {}) as follower,
    ):
        await spoken(there)
        assert await heard(follower, 2) == numbered(1, SPOKEN)
        valkey.kill()
        await spoken(there)
        valkey.start()
        assert await heard(follower, 2) == numbered(3, SPOKEN)
        await spoken(there)
        assert await heard(follower, 2) == numbered(5, SPOKEN)


async def test_each_number_continues_behind_its_event(parts: Parts) -> None:
    for _ in range(3):
        await spoken(parts)
    for place in range(6):
        async with parts.studio.hub.follow([EVERYBODY], {EVERYBODY: place}) as follower:
            assert await heard(follower, 6 - place) == numbered(1, SPOKEN * 3)[place:]


async def test_they_are_followed_beside_a_project_each_with_its_own_numbers(parts: Parts) -> None:
    one = await tenant(parts)
    async with parts.studio.hub.follow([EVERYBODY, one.project_id], {}) as follower:
        await canceled_run(one)
        await spoken(parts)
        found = await heard(follower, 9)
    assert [event for event in found if event[0] == EVERYBODY] == numbered(1, SPOKEN)
    of_run = [(one.project_id, number, event) for number, event in enumerate(EVENTS_OF_A_CANCELED_RUN, 1)]
    assert [event for event in found if event[0] == one.project_id] == of_run


@pytest.mark.parametrize("count", [1, 5])
async def test_what_a_process_tells_as_it_ends_is_on_the_bus_before_it_has_ended(
    parts: Parts, settings: Settings, database_url: str, count: int
) -> None:
    slow = {"feed_check_seconds": 60}
    async with another(settings, database_url, **slow) as there, there.studio.hub.follow([EVERYBODY], {}) as follower:
        async with another(settings, database_url) as brief:
            for _ in range(count):
                await spoken(brief)
        assert await heard(follower, 2 * count) == numbered(1, SPOKEN * count)
