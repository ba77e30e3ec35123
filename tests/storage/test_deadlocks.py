"""Two who wait for each other in PostgreSQL: one gives way, and makes its change once more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.parts import Parts
from domain.assets import Asset, AssetType, CreateAsset, UpdateAsset
from domain.commands import MOST_ATTEMPTS, execute
from domain.errors import Contended, ErrorCode
from domain.ids import Id
from domain.permissions import Actor
from domain.ports import Command, Transaction
from tests.engine.crew import until
from tests.studio import Tenant, tenant


async def an_asset(owner: Tenant, label: str) -> Asset:
    asset: Asset = await owner.do(
        CreateAsset(project_id=owner.project_id, type=AssetType.PROMPT, label=label, content="Thick fog")
    )
    return asset


class Holding:
    """Transactions that hold one asset from their beginning; `begun` counts them."""

    def __init__(self, owner: Tenant, held: Asset, met: asyncio.Barrier | None = None) -> None:
        self.owner, self.held, self.met = owner, held, met
        self.begun = 0

    def __call__(
        self, actor: Actor, command: Command[Any], projects: frozenset[Id] | None, /
    ) -> AbstractAsyncContextManager[Transaction]:
        return self._begin(actor, command, projects)

    @asynccontextmanager
    async def _begin(
        self, actor: Actor, command: Command[Any], projects: frozenset[Id] | None
    ) -> AsyncIterator[Transaction]:
        self.begun += 1
        async with self.owner.parts.database.begin(actor, command, projects) as tx:
            await tx.get(Asset, self.held.id, lock=True)
            if self.met and self.begun == 1:
                await self.met.wait()
            yield tx


async def test_of_two_who_wait_for_each_other_one_gives_way_and_both_make_their_change(parts: Parts) -> None:
    owner = await tenant(parts)
    first, second = await an_asset(owner, "First"), await an_asset(owner, "Second")
    met = asyncio.Barrier(2)
    one, other = Holding(owner, first, met), Holding(owner, second, met)
    changed = await asyncio.gather(
        execute(one, owner.actor, UpdateAsset(id=second.id, label="Second, changed")),
        execute(other, owner.actor, UpdateAsset(id=first.id, label="First, changed")),
    )
    assert [(asset.label, asset.version) for asset in changed] == [("Second, changed", 2), ("First, changed", 2)]
    assert sorted([one.begun, other.begun]) == [1, 2]


async def test_who_always_has_to_give_way_is_told_so_in_the_end(parts: Parts) -> None:
    owner = await tenant(parts)
    wanted, held = await an_asset(owner, "Wanted"), await an_asset(owner, "Held")
    holding = Holding(owner, held)
    async with parts.engine.begin() as rival:
        await _lock(rival, wanted)
        change = asyncio.create_task(execute(holding, owner.actor, UpdateAsset(id=wanted.id, label="Changed")))
        while not change.done():
            await _stand_in_its_way(rival, parts, change, held)
        with pytest.raises(Contended) as refused:
            await change
    assert (refused.value.code, refused.value.details) == (ErrorCode.UNAVAILABLE, {"retryAfter": 1})
    assert holding.begun == MOST_ATTEMPTS
    assert await parts.studio.reads.one(Asset, owner.actor, id=wanted.id) == wanted


async def _stand_in_its_way(rival: AsyncConnection, parts: Parts, change: "asyncio.Task[Asset]", held: Asset) -> None:
    """Once it waits, wait for what it holds, until it has given way; then let go of that, and of nothing else."""

    async def waits_or_is_done() -> bool:
        return change.done() or await _somebody_waits(parts)

    await until(waits_or_is_done)
    async with rival.begin_nested() as nested:
        await _lock(rival, held)
        await nested.rollback()


async def _lock(connection: AsyncConnection, asset: Asset) -> None:
    await connection.execute(text("SELECT FROM assets WHERE id = :id FOR UPDATE"), {"id": asset.id})


async def _somebody_waits(parts: Parts) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with parts.engine.connect() as connection:
        return bool((await connection.execute(text(query))).scalar_one())
