"""Who is here, as processes on one Valkey tell each other: whatever dies, nobody haunts and nobody is lost."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.parts import Parts, open_parts
from app.settings import Settings
from domain.ids import Id, new_id
from streams.presence.rooms import Rooms
from tests.servers.valkey_process import ValkeyProcess
from tests.streams.being_present import SECONDS, Person, rooms_of, watching
from tests.streams.following import until

ROOT = Path(__file__).parents[2]
# The store's seconds, the time until the next comparison, and some more for a busy machine.
GHOST_SECONDS = SECONDS + SECONDS / 3 + 1


@pytest.fixture
def project() -> Id:
    return new_id()


@pytest.fixture
async def here(valkey: ValkeyProcess) -> AsyncIterator[Rooms]:
    async with rooms_of(valkey.url) as rooms:
        yield rooms


@pytest.fixture
async def there(valkey: ValkeyProcess) -> AsyncIterator[Rooms]:
    async with rooms_of(valkey.url) as rooms:
        yield rooms


async def test_who_comes_speaks_and_leaves_is_told_in_the_other_process(here: Rooms, there: Rooms, project: Id) -> None:
    bob = await Person(there, project, "bob").say()
    async with watching(here, project) as watcher:
        assert watcher.subjects == ["bob"]
        ada = await Person(there, project).say(node="prompt")
        await watcher.has(1)
        await ada.say(node="image")
        bob.leave()
        await watcher.has(3)
        ada.hang_up()
        told = await watcher.has(4)
    assert [kind for kind, subject in told if subject == "ada"] == ["joined", "updated", "left"]
    assert [kind for kind, subject in told if subject == "bob"] == ["left"]
    assert max(moment for moment in watcher.moments) - watcher.moments[0] < SECONDS  # by news, not by comparison


async def test_both_see_the_same_in_the_same_order(here: Rooms, there: Rooms, project: Id) -> None:
    async with watching(here, project) as one, watching(there, project) as other:
        people = [Person((here, there)[number % 2], project, f"person {number}") for number in range(20)]
        await asyncio.gather(*(person.say(at=0) for person in people))
        for watcher in (one, other):
            await watcher.has(20)
        for said in range(1, 4):
            await asyncio.gather(*(person.say(at=said) for person in people))
        for person in people[:5]:
            person.hang_up()
        await until(lambda: one.members == other.members and len(one.members) == 15)
        await until(
            lambda: all(presence.state == {"at": 3} for presence in one.members) and one.members == other.members
        )
        assert [presence.since for presence in one.members] == sorted(presence.since for presence in one.members)


async def test_whoever_stays_silent_stays(here: Rooms, there: Rooms, project: Id) -> None:
    await Person(there, project).say()
    async with watching(here, project) as watcher:
        await asyncio.sleep(SECONDS * 2)  # longer than presence lasts
        assert (watcher.subjects, watcher.told) == (["ada"], [])


async def test_whoever_is_there_stays_however_long_it_takes_to_compare_the_rooms(
    here: Rooms, there: Rooms, project: Id
) -> None:
    await Person(there, project).say()
    async with watching(there, project), watching(here, project) as watcher:
        async with there._hearing.channels[project].comparing:  # which takes as long as many rooms would
            await asyncio.sleep(SECONDS * 2)  # longer than presence lasts
        assert (watcher.subjects, watcher.told) == (["ada"], [])


async def test_those_of_a_process_that_stops_without_a_word_are_gone_soon(
    valkey: ValkeyProcess, here: Rooms, project: Id
) -> None:
    async with watching(here, project) as watcher:
        async with rooms_of(valkey.url) as dying:
            for subject in ("ada", "bob"):
                await Person(dying, project, subject).say()
            await watcher.has(2)
        async with asyncio.timeout(GHOST_SECONDS):
            assert sorted((await watcher.has(4))[2:]) == [("left", "ada"), ("left", "bob")]
    assert await here.of(project) == []


async def test_those_of_a_process_that_is_killed_are_gone_soon(valkey: ValkeyProcess, here: Rooms, project: Id) -> None:
    await Person(here, project, "bob").say()
    async with watching(here, project) as watcher:
        words = ["-m", "tests.streams.being_present", valkey.url, project, "ada"]
        process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
        await watcher.has(1)
        process.kill()
        await process.wait()
        async with asyncio.timeout(GHOST_SECONDS):
            assert await watcher.has(2) == [("joined", "ada"), ("left", "ada")]
        assert watcher.subjects == ["bob"]


async def test_a_process_that_ends_in_order_takes_its_own_along_at_once(
    valkey: ValkeyProcess, here: Rooms, project: Id
) -> None:
    async with watching(here, project) as watcher:
        async with rooms_of(valkey.url, seconds=60) as ending:
            await Person(ending, project).say()
            await watcher.has(1)
            await ending.close()
        assert await watcher.has(2) == [("joined", "ada"), ("left", "ada")]
        assert watcher.moments[1] - watcher.moments[0] < SECONDS
    assert await here.of(project) == []


async def test_killed_and_started_again_empty_valkey_costs_nobody_their_presence(
    valkey: ValkeyProcess, here: Rooms, there: Rooms, project: Id
) -> None:
    ada, bob = await Person(here, project, "ada").say(at=0), await Person(there, project, "bob").say(at=0)
    async with watching(here, project) as one, watching(there, project) as other:
        valkey.kill()
        await ada.say(at=1)
        await one.hears(at=1)
        eve = await Person(there, project, "eve").say(at=2)
        await other.hears(at=2)
        assert sorted(presence.subject for presence in await here.of(project)) == ["ada", "bob"]
        await asyncio.to_thread(valkey.start)
        async with asyncio.timeout(SECONDS * 2):
            await one.hears(at=2)
            await other.hears(at=1)
            while await _in_valkey(valkey, project) < 3:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)  # as said above
        eve.hang_up()
        await until(lambda: one.subjects == other.subjects == ["ada", "bob"])
        await bob.say(at=3)
        await one.hears(at=3)
        assert [change.presence.subject for change in one.told + other.told if change.kind == "left"] == ["eve"] * 2


async def _in_valkey(valkey: ValkeyProcess, project_id: Id) -> int:
    async with Redis.from_url(valkey.url) as redis:
        return int(await redis.hlen(f"easel:presence:{project_id}"))


async def test_somebody_may_come_while_valkey_is_away(valkey: ValkeyProcess, here: Rooms, project: Id) -> None:
    valkey.kill()
    async with asyncio.timeout(3), watching(here, project) as watcher:
        await Person(here, project).say()
        assert await watcher.has(1) == [("joined", "ada")]
    await asyncio.to_thread(valkey.start)
    async with rooms_of(valkey.url) as other, watching(other, project) as watcher:
        await until(lambda: watcher.subjects == ["ada"])


async def test_news_that_the_bus_lost_are_found_by_comparing(valkey: ValkeyProcess, here: Rooms, project: Id) -> None:
    async with watching(here, project) as watcher, AsyncExitStack() as stack:
        mute = await stack.enter_async_context(rooms_of(valkey.url))
        await mute._courier._bus._backend.disconnect()
        ada = await Person(mute, project).say(at=0)
        await watcher.has(1)
        await ada.say(at=1)
        await watcher.has(2)
        ada.hang_up()
        assert await watcher.has(3) == [("joined", "ada"), ("updated", "ada"), ("left", "ada")]


async def test_the_servers_of_one_deployment_share_their_rooms(
    settings: Settings, over_valkey: Parts, database_url: str, project: Id
) -> None:
    chosen = settings.model_copy(update={"redis_url": over_valkey.settings.redis_url, "presence_seconds": 60})
    async with watching(over_valkey.studio.rooms, project) as watcher:
        async with open_parts(chosen, database_url, "http://easel.test") as second:
            await Person(second.studio.rooms, project).say()
            await watcher.has(1)
        assert await watcher.has(2) == [("joined", "ada"), ("left", "ada")]


async def test_a_server_without_redis_knows_its_own(parts: Parts, project: Id) -> None:
    async with watching(parts.studio.rooms, project) as watcher:
        await Person(parts.studio.rooms, project).say()
        assert await watcher.has(1) == [("joined", "ada")]
    assert [one.subject for one in await parts.studio.rooms.of(project)] == ["ada"]
