"""The database away: said plainly, and forgotten once it is back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import text

from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.ids import new_id
from domain.offers import Offers
from domain.organizations import FoundOrganization, Organization
from domain.permissions import operator_actor
from domain.projects import Project
from engine.outbound import Reach
from engine.webhook_signatures import secret_of
from gateway.flags import StudioFlags
from gateway.keys import mint
from providers.sketch import Sketch
from storage.credentials import Credentials
from storage.events import EventLog
from storage.leases import Held, Leases
from storage.migrate import migrate
from storage.pool import create_engine
from storage.reads import Reads
from storage.transaction import Database, SqlTransaction, World
from tests.servers.postgres_process import PostgresProcess, start_postgres
from tests.servers.valkey_process import free_port

ACTOR = operator_actor(new_id())


async def found(database: Database) -> Organization:
    founding = FoundOrganization(slug=f"o-{new_id()}", name="Organization")
    return await execute(database.begin, operator_actor(new_id()), founding)


ACTS: dict[str, Callable[[Database], Awaitable[object]]] = {
    "a command": found,
    "a read": lambda database: Reads(database.engine).many(Project, ACTOR),
    "a page": lambda database: Reads(database.engine).page(Project, ACTOR, first=1, after=None),
    "a node": lambda database: Reads(database.engine).any_node(ACTOR, new_id()),
    "events": lambda database: EventLog(database.engine).after(new_id(), 0, most=1),
    "newest events": lambda database: EventLog(database.engine).newest([new_id()]),
    "leases": lambda database: Leases(database.engine).renew([Held(new_id(), 1)], 10),
    "expired leases": lambda database: Leases(database.engine).expired(),
    "credentials": lambda database: Credentials(database.engine).organization("acme"),
    "health": lambda database: Credentials(database.engine).ping(),
}


def database_at(url: str, *, connections: int = 3, wait_seconds: float = 5.0) -> Database:
    def tell(envelopes: object) -> None:
        assert envelopes

    engine = create_engine(url, connections=connections, wait_seconds=wait_seconds)
    sketch = Sketch()
    offers = Offers(image=sketch.image_terms, text=sketch.text_terms)
    world = World(
        offers=offers,
        flags=StudioFlags({}),
        public_url="http://easel.test",
        new_key=partial(mint, b"pepper"),
        webhook_secret=partial(secret_of, b"key"),
        require_callable=lambda url, _: Reach().require_written(url),
    )
    return Database(engine, tell, world)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresProcess]:
    with start_postgres() as process:
        yield process


@pytest.fixture
async def database(postgres: PostgresProcess) -> AsyncIterator[Database]:
    database = database_at(postgres.url)
    await migrate(database.engine)
    async with database.engine.begin() as connection:
        await connection.execute(text("DELETE FROM organizations"))
    yield database
    await database.engine.dispose()


async def refusal_of(act: Awaitable[object]) -> DomainError:
    with pytest.raises(DomainError) as refused:
        await act
    return refused.value


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_nobody_at_the_address_is_unavailable(act: Callable[[Database], Awaitable[object]]) -> None:
    database = database_at(f"postgresql+asyncpg://postgres@127.0.0.1:{free_port()}/postgres")
    error = await refusal_of(act(database))
    assert (error.code, error.details) == (ErrorCode.UNAVAILABLE, {"retryAfter": 2})
    assert "127.0.0.1" not in error.message


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_a_killed_database_is_unavailable_and_used_again_once_it_is_back(
    postgres: PostgresProcess, database: Database, act: Callable[[Database], Awaitable[object]]
) -> None:
    await found(database)
    postgres.kill()
    try:
        assert (await refusal_of(act(database))).code is ErrorCode.UNAVAILABLE
        assert (await refusal_of(act(database))).code is ErrorCode.UNAVAILABLE
    finally:
        postgres.start()
    await found(database)


async def test_a_database_killed_inside_a_transaction_takes_it_back(
    postgres: PostgresProcess, database: Database
) -> None:
    command = FoundOrganization(slug="half", name="Half")

    async def kill_inside() -> None:
        async with database.begin(ACTOR, command, None) as tx:
            tx.add(Organization(id=ACTOR.organization_id, slug="half", name="Half"))
            await tx.find(Organization)
            postgres.kill()

    try:
        assert (await refusal_of(kill_inside())).code is ErrorCode.UNAVAILABLE
    finally:
        postgres.start()
    assert await Credentials(database.engine).organization("half") is None
    assert (await execute(database.begin, ACTOR, command)).slug == "half"


async def test_whoever_waits_too_long_for_a_connection_is_told_so(postgres: PostgresProcess) -> None:
    database = database_at(postgres.url, connections=1, wait_seconds=0.1)
    async with database.engine.connect():
        error = await refusal_of(found(database))
    await database.engine.dispose()
    assert (error.code, error.details) == (ErrorCode.UNAVAILABLE, {"retryAfter": 2})


async def test_of_two_transactions_that_wait_for_each_other_one_is_told_to_repeat(database: Database) -> None:
    first, second = await found(database), await found(database)
    met = asyncio.Barrier(2)

    async def take(one: Organization, other: Organization) -> None:
        async with database.begin(operator_actor(one.id), FoundOrganization(slug="x", name="X"), None) as tx:
            await lock(tx, one)
            await met.wait()
            await lock(tx, other)

    answers = await asyncio.gather(take(first, second), take(second, first), return_exceptions=True)
    assert [answer.code for answer in answers if isinstance(answer, DomainError)] == [ErrorCode.UNAVAILABLE]
    assert answers.count(None) == 1


async def lock(tx: SqlTransaction, one: Organization) -> None:
    await tx.connection.execute(text("SELECT 1 FROM organizations WHERE id = :id FOR UPDATE"), {"id": one.id})
