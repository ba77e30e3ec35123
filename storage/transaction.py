"""The unit of work: plain entities in, plain entities out, one commit, and what happened is told after it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.announcements import Announcement
from domain.circuits import Circuit
from domain.errors import DomainError
from domain.events import Envelope, Event
from domain.ids import Id
from domain.live_visits import LiveVisit
from domain.offers import Offers
from domain.permissions import Actor
from domain.ports import Command, DeliveryJob, Flags, NewKey, Shown, StepJob
from storage import idempotency
from storage.events import record
from storage.failures import spoken_plainly
from storage.jobs import enqueue
from storage.missing import forbidden, not_found
from storage.reads import READS
from storage.statements import Take, columns_of, deleting, inserting, project_column, reading, updating
from storage.tables import TABLES

Entity = TypeVar("Entity")

ROWS_AT_ONCE = 200


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_VISITS = text("SELECT count(*) FROM live_visits WHERE visited = CAST(:project_id AS uuid) AND at > :since")
_HELD = text("""
    SELECT count(*) FROM steps
    WHERE status = 'RUNNING' AND lease_until IS NOT NULL
        AND (CAST(:project_id AS uuid) IS NULL OR project_id = :project_id)
        AND (CAST(:provider AS text) IS NULL OR provider = :provider)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """
    What commands know besides rows: what the providers in use ask, what is switched on, how the outside reaches this
    server, how API keys are made, which secrets sign messages, and which URLs may be called.
    """

    offers: Offers
    flags: Flags
    public_url: str
    new_key: Callable[[], NewKey]
    webhook_secret: Callable[[str, int], str]
    require_callable: Callable[[str, str], None]


class SqlTransaction:
    """What `domain.ports.Transaction` promises. Writes wait until something is read or the block ends."""

    def __init__(
        self,
        connection: AsyncConnection,
        actor: Actor,
        command: Command[Any],
        projects: frozenset[Id] | None,
        world: World,
    ) -> None:
        self.connection = connection
        self.offers, self.public_url, self.flags = world.offers, world.public_url, world.flags
        self._world = world
        self.actor = actor
        self.command = command
        self.projects = projects
        self.envelopes: list[Envelope] = []
        self._writes: list[tuple[str, Any]] = []
        self._events: list[Event] = []
        self._jobs: list[StepJob | DeliveryJob] = []
        self._answer: Any = None
        self._is_first = False
        self._trace_id = actor.trace_id
        self._now: datetime | None = None

    async def get(self, kind: type[Entity], id: str, /, *, lock: bool = False) -> Entity:
        take = Take.LOCKED if lock else Take.ALL
        found = await self._read(kind, {"id": id}, take, self.projects)
        if not found and not await self._may_be_read(kind, id):
            raise not_found(kind)
        found = found or await self._read(kind, {"id": id}, take, self.projects)  # it may have come meanwhile
        if not found:
            raise forbidden(kind)
        return found[0]

    async def _may_be_read(self, kind: type, id: str) -> bool:
        """Whether the actor sees the row that is out of this command's reach."""
        if self.projects is None or kind not in READS:
            return False
        return bool(await self._read(kind, {"id": id}, Take.ALL, self.actor.reach(READS[kind])))

    async def find(self, kind: type[Entity], most: int | None = None, /, **equals: Any) -> list[Entity]:
        return await self._read(kind, equals, Take.ALL if most is None else Take.SOME, self.projects, most)

    async def lock(self, kind: type[Entity], most: int | None = None, /, **equals: Any) -> list[Entity]:
        return await self._read(kind, equals, Take.LOCKED, self.projects, most)

    async def newest(self, kind: type[Entity], /, **equals: Any) -> Entity | None:
        found = await self._read(kind, equals, Take.NEWEST, self.projects)
        return found[0] if found else None

    async def oldest(self, kind: type[Entity], /, **equals: Any) -> Entity | None:
        found = await self.find(kind, 1, **equals)
        return found[0] if found else None

    async def alone(self, name: str, /) -> None:
        await self.connection.execute(_LOCK, {"name": name})

    async def _read(
        self,
        kind: type[Entity],
        equals: dict[str, Any],
        take: Take,
        projects: frozenset[Id] | None,
        most: int | None = None,
    ) -> list[Entity]:
        await self._write_entities()
        query, values = reading(kind, self.actor.organization_id, projects, equals, take, most)
        rows = (await self.connection.execute(query, values)).all()
        self._now = rows[0][-1] if rows else self._now
        names = [column.name for column in columns_of(kind)]
        return [kind(**dict(zip(names, row, strict=False))) for row in rows]

    async def held_steps(self, *, project_id: Id | None = None, provider: str | None = None) -> int:
        await self._write_entities()
        await self.alone(str(project_id or provider))
        counted = await self.connection.execute(_HELD, {"project_id": project_id, "provider": provider})
        count: int = counted.scalar_one()
        return count

    async def count_visits(self, project_id: Id, since: datetime) -> int:
        await self._write_entities()
        counted = await self.connection.execute(_VISITS, {"project_id": project_id, "since": since})
        count: int = counted.scalar_one()
        return count

    @property
    def now(self) -> datetime:
        if self._now is None:
            raise RuntimeError("the database's clock is known once something was read")
        return self._now

    def add(self, *entities: Any) -> None:
        self._writes += (("insert", entity) for entity in entities)

    def save(self, *entities: Any) -> None:
        self._require_in_reach(entities)
        self._writes += (("update", entity) for entity in entities)

    def remove(self, *entities: Any) -> None:
        self._require_in_reach(entities)
        self._writes += (("delete", entity) for entity in entities)

    def _require_in_reach(self, entities: Sequence[Any]) -> None:
        for entity in entities:
            if not in_reach(entity, self.actor.organization_id, self.projects):
                raise not_found(type(entity))

    def record(self, *events: Event) -> None:
        self._events += events

    def belong_to(self, trace_id: str) -> None:
        self._trace_id = self._trace_id or trace_id

    def enqueue(self, *jobs: StepJob | DeliveryJob) -> None:
        self._jobs += jobs

    def webhook_secret(self, name: str, version: int) -> str:
        return self._world.webhook_secret(name, version)

    def require_callable(self, url: str, field: str = "url") -> None:
        self._world.require_callable(url, field)

    async def earlier_answer(self) -> Any:
        if not idempotency.is_key(self.command.client_mutation_id):
            return None
        fingerprint = idempotency.fingerprint_of(self.command)
        row = await idempotency.reserve(self.connection, self.actor, self.command, fingerprint)
        self._is_first = row is None
        if row is not None and row.answer_type == idempotency.REMOVED:
            return row.answer_id
        kind = next((k for k in TABLES if row and k.__name__ == row.answer_type), None)
        return await self.get(kind, row.answer_id) if kind else None

    def new_key(self) -> NewKey:
        return self._world.new_key()

    def answer(self, result: Any) -> None:
        self._answer = result.entity if isinstance(result, Shown) else result

    def keeps(self, error: DomainError) -> bool:
        """Whether a repeat of this command is to be refused in the same words."""
        return self._is_first and idempotency.is_final(error)

    async def finish(self) -> None:
        """Write what waits. Numbering the events comes last, so that their order is the order of the commits."""
        await self._write_entities()
        if self._jobs:
            await enqueue(self.connection, [replace(job, trace_id=self._trace_id) for job in self._jobs])
        if type(self._answer) in {*TABLES, str} and idempotency.is_key(self.command.client_mutation_id):
            await idempotency.keep(self.connection, self.actor, self.command, self._answer)
        if self._events:
            self.envelopes, deliveries = await record(
                self.connection, self._events, self.command.client_mutation_id, self._trace_id
            )
            if deliveries:
                await enqueue(self.connection, deliveries)

    async def _write_entities(self) -> None:
        writes, self._writes = self._writes, []
        for (verb, kind), group in groupby(writes, lambda write: (write[0], type(write[1]))):
            entities = [entity for _, entity in group]
            # In parts, so that a map of thousands does not keep everything else in this process waiting.
            for start in range(0, len(entities), ROWS_AT_ONCE):
                statement, rows = _STATEMENTS[verb](kind, entities[start : start + ROWS_AT_ONCE])
                await self.connection.execute(statement, rows)


def in_reach(entity: Any, organization_id: Id, projects: frozenset[Id] | None) -> bool:
    """What `visible` says, of an entity in hand."""
    if type(entity) in {Announcement, Circuit, LiveVisit}:
        return True  # an announcement is everybody's, as a provider is, and who visits
    table = TABLES[type(entity)]
    column = project_column(table)
    owner = entity.organization_id if "organization_id" in table.c else entity.id
    return owner == organization_id and (projects is None or column is None or getattr(entity, column.name) in projects)


_STATEMENTS = {"insert": inserting, "update": updating, "delete": deleting}


class Database:
    """Opens transactions. `tell` gets what was recorded, once it is committed."""

    def __init__(self, engine: AsyncEngine, tell: Callable[[Sequence[Envelope]], None], world: World) -> None:
        self.engine = engine
        self.tell = tell
        self.world = world

    @asynccontextmanager
    async def begin(
        self, actor: Actor, command: Command[Any], projects: frozenset[Id] | None, /
    ) -> AsyncIterator[SqlTransaction]:
        tx: SqlTransaction | None = None
        try:
            with spoken_plainly():
                async with self.engine.begin() as connection:
                    tx = SqlTransaction(connection, actor, command, projects, self.world)
                    yield tx
                    await tx.finish()
        except DomainError as error:
            if tx and tx.keeps(error):
                await self._keep_refusal(actor, command, error)
            raise
        if tx.envelopes:
            self.tell(tx.envelopes)

    async def _keep_refusal(self, actor: Actor, command: Command[Any], error: DomainError) -> None:
        """What the command began to write was taken back, and its key with it."""
        fingerprint = idempotency.fingerprint_of(command)
        with spoken_plainly():
            async with self.engine.begin() as connection:
                await idempotency.keep_refusal(connection, actor, command, fingerprint, error)
