"""Credits under repeated calls, lost answers and a database that is killed: every entry is there, and none twice."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from app.parts import Parts, open_parts
from app.seed import WELCOME_CREDITS
from app.settings import Settings
from domain.accounts import Account, EntryKind, GrantCredits
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from domain.permissions import Actor
from domain.ports import Command
from domain.run_commands import CancelRun, StartRun
from domain.workflows import Workflow
from storage.transaction import Database
from tests.servers.postgres_process import PostgresProcess, start_postgres
from tests.studio import Tenant, operator_of, tenant

OPERATIONS = int(os.environ.get("EASEL_TEST_LEDGER_OPERATIONS", "1500"))
KILLS = max(3, OPERATIONS // 2_500)
CALLERS = 16
PRICE = Decimal("0.042")
GRANT = Decimal("0.5")
PAUSE_SECONDS = 0.05


@pytest.fixture
def postgres() -> Iterator[PostgresProcess]:
    with start_postgres() as process:
        yield process


@pytest.fixture
async def parts(settings: Settings, postgres: PostgresProcess) -> AsyncIterator[Parts]:
    """Where a picture has its price, whoever draws it."""
    async with open_parts(settings, postgres.url, "http://easel.test") as opened:
        offers = opened.database.world.offers
        world = replace(opened.database.world, offers=replace(offers, image=replace(offers.image, price=PRICE)))
        yield replace(opened, database=Database(opened.engine, opened.database.tell, world))


@dataclass(slots=True)
class Callers:
    """Those who spend: each insists on every operation until it is answered, and does not believe every answer."""

    owner: Tenant
    workflow: Workflow
    random: Random = field(default_factory=lambda: Random(7))  # noqa: S311 - chooses, guards nothing
    left: int = OPERATIONS
    done: Counter[str] = field(default_factory=Counter)
    progressed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def call(self) -> None:
        mine: list[Id] = []
        while self.left > 0:
            self.left -= 1
            await self._operate(mine)
            async with self.progressed:
                self.progressed.notify_all()

    async def _operate(self, mine: list[Id]) -> None:
        kind = self.random.choice(["grant", "start", "cancel"]) if mine else "start"
        key = f"{kind}-{new_id()}"
        match kind:
            case "grant":
                grant = GrantCredits(amount=GRANT, client_mutation_id=key)
                await self._insist(operator_of(self.owner), grant)
            case "start":
                inputs = {"prompt": "A kite"}
                start = StartRun(workflow_id=self.workflow.id, inputs=inputs, client_mutation_id=key)
                mine.append((await self._insist(self.owner.actor, start)).id)
            case "cancel":
                await self._insist(self.owner.actor, CancelRun(id=mine.pop(), client_mutation_id=key))
        self.done[kind] += 1

    async def _insist(self, actor: Actor, command: Command[Any]) -> Any:
        """Send it once to three times at once; throw some answers away; all that are given must be of one thing."""
        while True:
            sent = [execute(self.owner.parts.database.begin, actor, command) for _ in range(self.random.randint(1, 3))]
            answers = await asyncio.gather(*sent, return_exceptions=True)
            given = [answer for answer in answers if not isinstance(answer, BaseException)]
            for answer in answers:
                if isinstance(answer, BaseException) and not _is_away(answer):
                    raise answer
            assert len({getattr(answer, "id", None) for answer in given}) <= 1
            if given and self.random.random() < 0.8:
                return given[0]
            await asyncio.sleep(0 if given else PAUSE_SECONDS)  # nobody tells when the database is back


def _is_away(error: BaseException) -> bool:
    return isinstance(error, DomainError) and error.code is ErrorCode.UNAVAILABLE


async def _kill(postgres: PostgresProcess, callers: Callers, reached: Callable[[], bool]) -> None:
    async with callers.progressed:
        await callers.progressed.wait_for(reached)
    await asyncio.to_thread(postgres.kill)
    await asyncio.to_thread(postgres.start)


async def _killing(postgres: PostgresProcess, callers: Callers) -> None:
    for number in range(1, KILLS + 1):
        until = OPERATIONS - OPERATIONS * number // (KILLS + 1)
        await _kill(postgres, callers, lambda until=until: callers.left <= until)  # type: ignore[misc]


async def _value(parts: Parts, query: str) -> Any:
    async with parts.engine.connect() as connection:
        return (await connection.execute(text(query))).scalar_one()


@pytest.mark.slow
@pytest.mark.timeout(120 + OPERATIONS // 10)
async def test_the_ledger_balances_to_nothing_lost_and_nothing_twice(parts: Parts, postgres: PostgresProcess) -> None:
    owner = await tenant(parts)
    callers = Callers(owner, await owner.hero_image())
    async with asyncio.TaskGroup() as group:
        killing = group.create_task(_killing(postgres, callers))
        for _ in range(CALLERS):
            group.create_task(callers.call())
    assert killing.done()
    await _balances(parts, owner, callers.done)


async def _balances(parts: Parts, owner: Tenant, done: Counter[str]) -> None:
    assert done.total() == OPERATIONS
    (account,) = await parts.studio.reads.many(Account, owner.actor)
    held = PRICE * (done["start"] - done["cancel"])
    assert account.held == held
    assert account.available == WELCOME_CREDITS + GRANT * done["grant"] - held
    assert await _value(parts, "SELECT sum(amount) FROM ledger") == account.available
    assert await _value(parts, "SELECT count(*) FROM runs") == done["start"]
    assert await _value(parts, "SELECT sum(held) FROM runs") == held
    for kind, count in (
        (EntryKind.GRANT, done["grant"] + 1),
        (EntryKind.HOLD, done["start"]),
        (EntryKind.RELEASE, done["cancel"]),
    ):
        assert await _value(parts, f"SELECT count(*) FROM ledger WHERE kind = '{kind}'") == count  # noqa: S608 - our own words
