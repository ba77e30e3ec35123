"""When keys were last used: noted in memory, written for all of them at once, and lost by no failure."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.parts import Parts, open_parts
from app.settings import Settings
from domain.api_keys import ApiKey, CreateApiKey
from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from gateway.key_uses import MOST_NOTED, KeyUses
from storage.tables import TABLES
from tests.contract.studio_rows import statements
from tests.studio import Tenant, tenant


async def used_at(parts: Parts) -> dict[str, tuple[datetime | None, int]]:
    """When each key was used, and its version."""
    keys = TABLES[ApiKey].c
    async with parts.engine.connect() as connection:
        rows = await connection.execute(select(keys.name, keys.last_used_at, keys.version))
        return {row.name: (row.last_used_at, row.version) for row in rows}


async def some_keys(owner: Tenant, count: int) -> list[ApiKey]:
    made = [await owner.do(CreateApiKey(name=f"Key {number}", scopes=["runs:read"])) for number in range(count)]
    return [shown.entity for shown in made]


async def test_all_keys_are_written_with_one_statement_and_keep_their_versions(parts: Parts) -> None:
    owner = await tenant(parts)
    uses = KeyUses(parts.credentials.keys_used)
    for key in await some_keys(owner, 5):
        for _ in range(100):
            uses.note(key.id)
    uses.note(new_id())  # of a key that is gone
    with statements(parts.engine) as sent:
        await uses.flush()
        await uses.flush()
    assert len([statement for statement, _ in sent if "UPDATE" in statement]) == 1
    found = await used_at(parts)
    for number in range(5):
        moment, version = found[f"Key {number}"]
        assert moment
        assert datetime.now(UTC) - moment < timedelta(minutes=1)
        assert version == 1


async def test_a_use_that_is_written_late_hides_no_later_one(parts: Parts) -> None:
    (key,) = await some_keys(await tenant(parts), 1)
    now = datetime.now(UTC)
    for moment in (now, now - timedelta(hours=1)):
        await parts.credentials.keys_used({key.id: moment})
    assert (await used_at(parts))["Key 0"] == (now, 1)


async def test_processes_that_write_the_same_keys_do_not_block_each_other(parts: Parts) -> None:
    keys = [key.id for key in await some_keys(await tenant(parts), 20)]
    now = datetime.now(UTC)
    orders = (keys, keys[::-1]) * 10
    await asyncio.gather(*(parts.credentials.keys_used(dict.fromkeys(order, now)) for order in orders))
    assert {moment for name, (moment, _) in (await used_at(parts)).items() if name.startswith("Key")} == {now}


class Store:
    """A store that can be away."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.written: dict[Id, datetime] = {}
        self.asked = asyncio.Event()

    async def write(self, moments: Mapping[Id, datetime]) -> None:
        self.asked.set()
        if self.failure:
            raise self.failure
        self.written |= moments


@pytest.mark.parametrize("failure", [DomainError(ErrorCode.UNAVAILABLE, "away"), TimeoutError("slow")])
async def test_what_could_not_be_written_is_written_the_next_time(failure: Exception) -> None:
    store = Store()
    uses = KeyUses(store.write)
    store.failure = failure
    one, other = new_id(), new_id()
    uses.note(one)
    await uses.flush()
    store.failure = None
    uses.note(other)
    await uses.flush()
    assert set(store.written) == {one, other}


async def test_what_is_noted_is_written_now_and_then() -> None:
    store = Store()
    uses = KeyUses(store.write)
    task = asyncio.create_task(uses.run(every_seconds=0.01))
    uses.note(new_id())
    async with asyncio.timeout(5):
        await store.asked.wait()
    task.cancel()
    await asyncio.wait({task})
    assert len(store.written) == 1


async def test_so_many_are_noted_and_the_ones_used_longest_ago_are_forgotten() -> None:
    store = Store()
    uses = KeyUses(store.write)
    ids = [new_id() for _ in range(MOST_NOTED + 2)]
    for id_ in [*ids[:-1], ids[0], ids[-1]]:
        uses.note(id_)
    await uses.flush()
    assert len(store.written) == MOST_NOTED
    assert set(ids) - set(store.written) == {ids[1], ids[2]}


async def test_what_is_noted_is_written_when_the_server_stops(settings: Settings, database_url: str) -> None:
    async with open_parts(settings, database_url, "http://easel.test") as parts:
        await tenant(parts)
        assert [moment for moment, _ in (await used_at(parts)).values()] == [None]
    async with open_parts(settings, database_url, "http://easel.test") as parts:
        ((moment, _),) = (await used_at(parts)).values()
        assert moment
