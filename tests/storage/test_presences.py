"""The same promises, kept by this process's memory and by Valkey."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from redis.asyncio import Redis

from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from domain.presence import MOST_PRESENT, Presence
from storage.presences import Presences, RedisPresences, open_presences
from storage.presences.redis import ANSWER_SECONDS
from tests.servers.stalling_proxy import stalling_proxy
from tests.servers.valkey_process import ValkeyProcess, start_valkey

LONG, SHORT = 60.0, 0.3
MORNING = datetime(2026, 1, 1, 8, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    with start_valkey(tmp_path_factory.mktemp("valkey")) as process:
        yield process


@pytest.fixture(params=["memory", "valkey"])
async def presences(request: pytest.FixtureRequest, valkey: ValkeyProcess) -> AsyncIterator[Presences]:
    async with open_presences(valkey.url if request.param == "valkey" else None) as opened:
        yield opened


@pytest.fixture
def project() -> Id:
    return new_id()


def someone(project_id: Id, **more: Any) -> Presence:
    given: dict[str, Any] = {"subject": "ada", "name": None, "state": {}, "since": datetime.now(UTC), "version": 1}
    return Presence(**{"connection_id": new_id(), "project_id": project_id, **given, **more})


async def test_what_is_put_is_found_as_it_was(presences: Presences, project: Id) -> None:
    state: dict[str, Any] = {"node": 'é "ẞ" 🎨', "at": [1, 2.5, None, True, {"deep": {}}]}
    ada = someone(project, name="Ada Lovelace", state=state, since=MORNING)
    await presences.put(ada, LONG)
    assert await presences.of(project) == [ada]


async def test_those_who_are_present_come_in_the_order_they_came(presences: Presences, project: Id) -> None:
    came = [someone(project, since=MORNING + timedelta(seconds=number)) for number in range(5)]
    for place in (3, 0, 4, 2, 1):
        await presences.put(came[place], LONG)
    assert await presences.of(project) == came


async def test_projects_know_nothing_of_each_other(presences: Presences, project: Id) -> None:
    here, there = someone(project), someone(new_id())
    await presences.put(here, LONG)
    await presences.put(there, LONG)
    await presences.remove(project, there.connection_id)
    assert (await presences.of(project), await presences.of(there.project_id)) == ([here], [there])


async def test_who_is_removed_is_gone(presences: Presences, project: Id) -> None:
    ada, bob = someone(project), someone(project)
    for one in (ada, bob):
        await presences.put(one, LONG)
    await presences.remove(project, ada.connection_id)
    await presences.remove(project, ada.connection_id)
    assert await presences.of(project) == [bob]


async def test_an_older_version_does_not_replace_a_newer_one(presences: Presences, project: Id) -> None:
    old = someone(project, state={"at": "first"}, version=9)
    new = replace(old, state={"at": "second"}, version=10)
    for one in (old, new, old):
        await presences.put(one, LONG)
    assert await presences.of(project) == [new]


async def test_each_is_forgotten_when_their_own_seconds_are_over(presences: Presences, project: Id) -> None:
    cut_off, kept, fresh = (someone(project) for _ in range(3))
    await presences.put(cut_off, SHORT)
    await presences.put(kept, SHORT)
    await presences.put(fresh, LONG)
    await asyncio.sleep(SHORT / 2)  # time has to pass
    assert await presences.keep([kept], LONG) == []
    await asyncio.sleep(SHORT)  # time has to pass
    assert {one.connection_id for one in await presences.of(project)} == {kept.connection_id, fresh.connection_id}


async def test_keeping_tells_who_has_to_be_put_again(presences: Presences, project: Id) -> None:
    there, older, over, missing = (someone(project) for _ in range(4))
    elsewhere = someone(new_id())
    await presences.put(over, 0.01)
    for one in (there, older, elsewhere):
        await presences.put(one, LONG)
    await asyncio.sleep(0.02)  # until one has lapsed
    newer = replace(older, version=2)
    assert await presences.keep([there, newer, elsewhere, over, missing], LONG) == [newer, over, missing]


async def test_thousands_are_kept_at_once(presences: Presences) -> None:
    many = [someone(project) for project in (new_id(), new_id(), new_id()) for _ in range(500)]
    for one in many:
        await presences.put(one, LONG)
    assert await presences.keep(many, LONG) == []
    assert len(await presences.of(many[0].project_id)) == 500


async def test_a_full_project_takes_nobody_more_until_somebody_leaves_or_is_forgotten(
    presences: Presences, project: Id
) -> None:
    crowd = [someone(project) for _ in range(MOST_PRESENT)]
    for one in crowd:
        await presences.put(one, LONG)
    late = someone(project)
    with pytest.raises(DomainError) as refused:
        await presences.put(late, LONG)
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    await presences.put(replace(crowd[0], version=2), 0.05)  # whoever is in may speak
    await asyncio.sleep(0.06)  # until it has lapsed
    await presences.put(late, LONG)
    assert [one.connection_id for one in await presences.of(project)] == [
        *[one.connection_id for one in crowd[1:]],
        late.connection_id,
    ]


async def test_nothing_is_left_of_a_project_that_all_have_left_or_lost(valkey: ValkeyProcess, project: Id) -> None:
    async with Redis.from_url(valkey.url) as redis, open_presences(valkey.url) as presences:
        gone, lost = someone(project), someone(new_id())
        await presences.put(gone, LONG)
        await presences.put(lost, 0.05)
        await presences.remove(project, gone.connection_id)
        await asyncio.sleep(0.1)  # until it has lapsed
        keys = [f"easel:presence:{one.project_id}{end}" for one in (gone, lost) for end in ("", ":ends")]
        assert await redis.exists(*keys) == 0


async def test_a_server_that_is_away_is_said_to_be_and_used_again_when_it_is_back(
    valkey: ValkeyProcess, project: Id
) -> None:
    ada = someone(project)
    async with open_presences(valkey.url) as presences:
        await presences.put(ada, LONG)
        valkey.kill()
        try:
            for call in (presences.put(ada, LONG), presences.keep([ada], LONG), presences.of(project)):
                with pytest.raises(DomainError) as refused:
                    await call
                assert refused.value.code is ErrorCode.UNAVAILABLE
        finally:
            valkey.start()
        assert await presences.keep([ada], LONG) == [ada]
        await presences.put(ada, LONG)
        assert await presences.of(project) == [ada]


async def test_a_server_that_has_gone_quiet_keeps_nobody_waiting_for_long(valkey: ValkeyProcess, project: Id) -> None:
    async with stalling_proxy(valkey.port) as proxy:
        presences = RedisPresences(valkey.url.replace(str(valkey.port), str(proxy.port)))
        await presences.put(someone(project), LONG)
        proxy.stall()
        before = monotonic()
        with pytest.raises(DomainError) as refused:
            await presences.of(project)
        assert refused.value.code is ErrorCode.UNAVAILABLE
        assert monotonic() - before < ANSWER_SECONDS * 1.5
        assert len(await presences.of(project)) == 1
        await presences.close()


async def test_whoever_stops_asking_has_stopped(valkey: ValkeyProcess, project: Id) -> None:
    """At whatever moment: redis-py takes some for the end of a wait of its own."""
    async with open_presences(valkey.url) as presences:

        async def ask_for_ever() -> None:
            while True:
                await presences.of(project)

        for steps in range(60):
            asking = asyncio.create_task(ask_for_ever())
            for _ in range(steps):
                await asyncio.sleep(0)  # so many turns of the other
            asking.cancel()
            _, pending = await asyncio.wait({asking}, timeout=2)
            assert not pending, f"canceled after {steps} steps"
