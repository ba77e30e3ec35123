"""Who is here, in one process: over its own memory, and over Valkey."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from domain.presence import MOST_PRESENT
from streams.presence.couriers import channel_of
from streams.presence.rooms import MOST_PLACES, Rooms
from tests.streams.being_present import Person, rooms_of, watching
from tests.streams.following import until


@pytest.fixture(params=["memory", "valkey"])
async def rooms(request: pytest.FixtureRequest) -> AsyncIterator[Rooms]:
    url: str | None = request.getfixturevalue("valkey").url if request.param == "valkey" else None
    async with rooms_of(url) as one:
        yield one


@pytest.fixture
def project() -> Id:
    return new_id()


def _is_idle(rooms: Rooms) -> bool:
    hearing = rooms._hearing
    return not (hearing.channels or hearing.listeners or hearing._bus._subscribers or rooms._here or rooms._visitors)


async def test_who_comes_speaks_and_leaves_is_told_to_who_watches(rooms: Rooms, project: Id) -> None:
    async with watching(rooms, project) as watcher:
        ada = await Person(rooms, project).say(node="prompt")
        await ada.say(node="image")
        await watcher.has(2)
        ada.leave()
        assert await watcher.has(3) == [("joined", "ada"), ("updated", "ada"), ("left", "ada")]
    assert [change.presence.state for change in watcher.told[:2]] == [{"node": "prompt"}, {"node": "image"}]
    first, second = (change.presence for change in watcher.told[:2])
    assert (first.version < second.version, first.since) == (True, second.since)
    assert (await rooms.of(project), watcher.members) == ([], [])


async def test_whoever_begins_to_watch_finds_everybody_in_the_order_they_came(rooms: Rooms, project: Id) -> None:
    for subject in ("ada", "bob", "eve"):
        await Person(rooms, project, subject).say()
    async with watching(rooms, project) as first, watching(rooms, project) as second:
        assert first.subjects == second.subjects == ["ada", "bob", "eve"]
        assert [one.subject for one in await rooms.of(project)] == ["ada", "bob", "eve"]
        assert first.room is second.room


async def test_of_many_changes_ten_a_second_go_out_and_the_newest_always(rooms: Rooms, project: Id) -> None:
    async with watching(rooms, project) as watcher:
        ada = await Person(rooms, project).say(at=0)
        began = asyncio.get_running_loop().time()
        said = 0
        while asyncio.get_running_loop().time() < began + 1:
            said += 1
            await ada.say(at=said)
            await asyncio.sleep(0)  # others have their turn
        await watcher.hears(at=said)
    assert said > 50
    assert 8 <= len(watcher.told) <= 13
    gaps = [after - before for before, after in zip(watcher.moments, watcher.moments[1:], strict=False)]
    assert min(gaps) > 0.09
    assert watcher.moments[-1] < began + 1.5
    versions = [change.presence.version for change in watcher.told]
    assert versions == sorted(set(versions))


async def test_all_connections_of_a_person_share_ten_changes_a_second_and_each_has_its_turn(
    rooms: Rooms, project: Id
) -> None:
    elsewhere = new_id()
    tabs = [Person(rooms, (project, elsewhere)[number % 2]) for number in range(5)]
    stranger = Person(rooms, project, organization_id=new_id())
    async with watching(rooms, project) as one, watching(rooms, elsewhere) as other:
        for person in (*tabs, stranger):
            await person.say(at=0)
        began = asyncio.get_running_loop().time()
        said = 0
        while asyncio.get_running_loop().time() < began + 2:
            said += 1
            for person in (*tabs, stranger):
                await person.say(at=said)
            await asyncio.sleep(0)  # others have their turn
        told = [change for change in one.told + other.told if change.kind == "updated"]
        of_the_stranger = [change for change in told if change.presence.connection_id == stranger.connection_id]
        counts = Counter(change.presence.connection_id for change in told)
    assert 0 < len(told) - len(of_the_stranger) <= 21
    assert 0 < len(of_the_stranger) <= 21
    shares = [counts[person.connection_id] for person in tabs]
    assert max(shares) - min(shares) <= 1
    for person in (*tabs, stranger):
        person.hang_up()
    await until(lambda: not rooms._paces)


async def test_the_same_said_again_is_no_news(rooms: Rooms, project: Id) -> None:
    async with watching(rooms, project) as watcher:
        ada = await Person(rooms, project).say(at=1)
        for _ in range(5):
            await ada.say(at=1)
        await ada.say(at=2)
        assert await watcher.has(2) == [("joined", "ada"), ("updated", "ada")]
    assert [change.presence.state for change in watcher.told] == [{"at": 1}, {"at": 2}]


async def test_who_leaves_and_comes_back_at_once_has_not_left(rooms: Rooms, project: Id) -> None:
    async with watching(rooms, project) as watcher:
        ada = await Person(rooms, project).say(at=1)
        await ada.say(at=2)  # so that the turn is taken, whatever the time
        ada.leave()
        await ada.say(at=3)
        await watcher.hears(at=3)
    assert "left" not in {change.kind for change in watcher.told}


async def test_whoever_comes_back_later_is_the_last_to_come_and_their_version_goes_on(
    rooms: Rooms, project: Id
) -> None:
    async with watching(rooms, project) as watcher:
        ada = await Person(rooms, project, "ada").say()
        await Person(rooms, project, "bob").say()
        ada.leave()
        await watcher.has(3)
        await ada.say(back=True)
        assert (await watcher.has(4))[-1] == ("joined", "ada")
        assert watcher.subjects == ["bob", "ada"]
        assert watcher.told[-1].presence.version > watcher.told[0].presence.version
        assert [one.subject for one in await rooms.of(project)] == ["bob", "ada"]


async def test_a_connection_that_ends_leaves_wherever_it_is_at_once(rooms: Rooms) -> None:
    ada = [await Person(rooms, new_id(), connection_id=Id("c")).say() for _ in range(3)]
    async with AsyncExitStack() as stack:
        watchers = [await stack.enter_async_context(watching(rooms, one.project_id)) for one in ada]
        ada[0].hang_up()
        assert [await watcher.has(1) for watcher in watchers] == [[("left", "ada")]] * 3
    await until(lambda: _is_idle(rooms))


async def test_nobody_is_in_more_than_fifty_projects_at_once(rooms: Rooms) -> None:
    people = [await Person(rooms, new_id(), connection_id=Id("c")).say() for _ in range(MOST_PLACES)]
    with pytest.raises(DomainError) as refused:
        await Person(rooms, new_id(), connection_id=Id("c")).say()
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    people[0].hang_up()


async def test_one_too_many_is_refused_and_never_was_there(rooms: Rooms, project: Id) -> None:
    people = [Person(rooms, project, f"person {number}") for number in range(MOST_PRESENT)]
    for person in people:
        await person.say()
    late = Person(rooms, project, "late")
    for _ in range(2):
        with pytest.raises(DomainError) as refused:
            await late.say()
        assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    async with watching(rooms, project) as watcher:
        assert len(watcher.members) == MOST_PRESENT
        people[0].leave()
        await watcher.has(1)
        await rooms._courier.finish()  # the store knows it too
        await late.say()
        assert await watcher.has(2) == [("left", "person 0"), ("joined", "late")]


async def test_a_state_that_cannot_be_is_refused_and_changes_nothing(rooms: Rooms, project: Id) -> None:
    for state in ({"x": "y" * 2_048}, {"x": float("nan")}, {"x": "\x00"}):
        with pytest.raises(DomainError) as refused:
            await Person(rooms, project).say(**state)
        assert (refused.value.code, refused.value.details) == (ErrorCode.VALIDATION_ERROR, {"field": "state"})
    assert await rooms.of(project) == []


async def test_fifty_who_watch_share_one_subscription_and_each_is_told(rooms: Rooms, project: Id) -> None:
    async with AsyncExitStack() as stack:
        watchers = [await stack.enter_async_context(watching(rooms, project)) for _ in range(50)]
        await Person(rooms, project).say()
        assert [await watcher.has(1) for watcher in watchers] == [[("joined", "ada")]] * 50
        assert [len(queues) for queues in rooms._hearing._bus._subscribers.values()] == [1]


async def test_while_nobody_watches_nothing_is_subscribed(rooms: Rooms, project: Id) -> None:
    ada = await Person(rooms, project).say()
    assert not rooms._hearing.channels
    for _ in range(20):
        await asyncio.gather(*(_watch_for_a_moment(rooms, project) for _ in range(5)))
    ada.hang_up()
    await until(lambda: _is_idle(rooms))


async def test_those_who_stop_watching_while_they_begin_leave_nothing_and_harm_nobody(
    rooms: Rooms, project: Id
) -> None:
    ada = await Person(rooms, project).say(at=0)
    for rounds in range(30):
        beginning = [asyncio.create_task(_watch_for_a_moment(rooms, project)) for _ in range(6)]
        for _ in range(rounds % 6):
            await asyncio.sleep(0)  # so many turns of those who join
        for task in beginning[:: 1 + rounds % 2]:
            task.cancel()
        await asyncio.wait(beginning)
        assert not [task for task in beginning if not task.cancelled() and task.exception()]
    async with watching(rooms, project) as watcher:
        assert watcher.subjects == ["ada"]
        await ada.say(at=1)
        assert await watcher.has(1) == [("updated", "ada")]
    ada.hang_up()
    await until(lambda: _is_idle(rooms))


async def _watch_for_a_moment(rooms: Rooms, project_id: Id) -> None:
    async with rooms.watch(project_id):
        pass


async def test_a_listener_that_fails_keeps_nothing_from_the_others(rooms: Rooms, project: Id) -> None:
    def fail(_: object) -> None:
        raise ValueError("cannot")

    with capture_logs() as logs:
        async with rooms.watch(project) as room, watching(rooms, project) as watcher:
            room.listeners = {fail, *room.listeners}
            await Person(rooms, project).say()
            assert await watcher.has(1) == [("joined", "ada")]
    assert [log["event"] for log in logs] == ["a listener of a room failed"]


async def test_a_message_that_is_not_understood_does_not_deafen(rooms: Rooms, project: Id) -> None:
    async with watching(rooms, project) as watcher:
        for message in ("{", "[]", "null", '{"kind":"joined","presence":{}}', ""):
            await rooms._hearing._bus.publish(channel_of(project), message)
        await Person(rooms, project).say()
        assert await watcher.has(1) == [("joined", "ada")]
        assert len(rooms._hearing.listeners) == 1
