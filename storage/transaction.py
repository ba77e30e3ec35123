"""The unit of work: plain entities in, plain entities out, one commit, and what happened is told after it."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, Table, bindparam, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.assets import Asset
from domain.circuits import Circuit
from domain.errors import DomainError, ErrorCode
from domain.events import Envelope, Event
from domain.ids import Id
from domain.images import Image
from domain.organizations import Organization
from domain.permissions import Actor
from domain.ports import Command, StepJob
from domain.projects import Project
from domain.runs import Run
from domain.workflows import Workflow
from storage import idempotency
from storage.events import record
from storage.failures import spoken_plainly
from storage.jobs import enqueue
from storage.tables import TABLES

Entity = TypeVar("Entity")


# Whoever counts places waits here for those who count the same ones, until they have taken theirs.
_LOCK_PLACES = text("SELECT pg_advisory_xact_lock(hashtextextended(:place, 0))")
_HELD = text("""
    SELECT count(*) FROM steps
    WHERE status = 'RUNNING' AND lease_until IS NOT NULL
        AND (CAST(:project_id AS uuid) IS NULL OR project_id = :project_id)
        AND (CAST(:provider AS text) IS NULL OR provider = :provider)
""")


class SqlTransaction:
    """What `domain.ports.Transaction` promises. Writes wait until something is read or the block ends."""

    def __init__(self, connection: AsyncConnection, actor: Actor, command: Command[Any]) -> None:
        self.connection = connection
        self.actor = actor
        self.command = command
        self.envelopes: list[Envelope] = []
        self._writes: list[tuple[str, Any]] = []
        self._events: list[Event] = []
        self._jobs: list[StepJob] = []
        self._answer: Any = None
        self._trace_id = actor.trace_id
        self._now: datetime | None = None

    async def get(self, kind: type[Entity], id: str, /, *, lock: bool = False) -> Entity:
        found = await self._read(kind, [TABLES[kind].c.id == id], lock=lock)
        if not found:
            raise not_found(kind)
        return found[0]

    async def find(self, kind: type[Entity], /, **equals: Any) -> list[Entity]:
        return await self._read(kind, _equal(kind, equals))

    async def newest(self, kind: type[Entity], /, **equals: Any) -> Entity | None:
        found = await self._read(kind, _equal(kind, equals), newest=True)
        return found[0] if found else None

    async def held_steps(self, *, project_id: Id | None = None, provider: str | None = None) -> int:
        await self._write_entities()
        lock = await self.connection.execute(_LOCK_PLACES, {"place": project_id or provider})
        lock.close()
        counted = await self.connection.execute(_HELD, {"project_id": project_id, "provider": provider})
        count: int = counted.scalar_one()
        return count

    async def _read(
        self, kind: type[Entity], wanted: list[ColumnElement[bool]], *, lock: bool = False, newest: bool = False
    ) -> list[Entity]:
        await self._write_entities()
        table, columns = TABLES[kind], [column.name for column in columns_of(kind)]
        query = select_of(kind).where(*wanted, *visible(table, self.actor))
        query = query.order_by(table.c.id.desc()).limit(1) if newest else query.order_by(table.c.id)
        query = query.with_for_update() if lock else query
        rows = (await self.connection.execute(query.add_columns(_CLOCK))).all()
        self._now = rows[0][-1] if rows else self._now
        return [kind(**dict(zip(columns, row, strict=False))) for row in rows]

    @property
    def now(self) -> datetime:
        if self._now is None:
            raise RuntimeError("the database's clock is known once something was read")
        return self._now

    def add(self, *entities: Any) -> None:
        self._writes += (("insert", entity) for entity in entities)

    def save(self, *entities: Any) -> None:
        for entity in entities:
            if not in_reach(entity, self.actor):
                raise not_found(type(entity))
        self._writes += (("update", entity) for entity in entities)

    def record(self, *events: Event) -> None:
        self._events += events

    def belong_to(self, trace_id: str) -> None:
        self._trace_id = self._trace_id or trace_id

    def enqueue(self, *jobs: StepJob) -> None:
        self._jobs += jobs

    async def earlier_answer(self) -> Any:
        if not idempotency.is_key(self.command.client_mutation_id):
            return None
        row = await idempotency.reserve(self.connection, self.actor, self.command, fingerprint(self.command))
        kind = next((k for k in TABLES if row and k.__name__ == row.answer_type), None)
        return await self.get(kind, row.answer_id) if kind else None

    def answer(self, result: Any) -> None:
        self._answer = result

    async def finish(self) -> None:
        """Write what waits. Numbering the events comes last, so that their order is the order of the commits."""
        await self._write_entities()
        if self._jobs:
            await enqueue(self.connection, self._jobs)
        if type(self._answer) in TABLES and idempotency.is_key(self.command.client_mutation_id):
            await idempotency.keep(self.connection, self.actor, self.command, self._answer)
        if self._events:
            self.envelopes = await record(
                self.connection, self._events, self.command.client_mutation_id, self._trace_id
            )

    async def _write_entities(self) -> None:
        writes, self._writes = self._writes, []
        for (verb, kind), group in groupby(writes, lambda write: (write[0], type(write[1]))):
            statement, rows = _STATEMENTS[verb](kind, [entity for _, entity in group])
            await self.connection.execute(statement, rows)


def columns_of(kind: type) -> list[Any]:
    """The columns an entity is made of."""
    return _COLUMNS[kind]


def select_of(kind: type) -> Select[Any]:
    """The query for whole rows."""
    return _SELECTS[kind]


_CLOCK = func.clock_timestamp().label("_clock")
# Made once: building a query takes longer than running it.
_COLUMNS = {
    kind: [table.c[field.name] for field in fields(kind) if field.name in table.c] for kind, table in TABLES.items()
}
_SELECTS = {kind: select(*columns) for kind, columns in _COLUMNS.items()}


def _equal(kind: type, equals: dict[str, Any]) -> list[ColumnElement[bool]]:
    columns = TABLES[kind].c
    return [columns[n].in_(v) if isinstance(v, list) else columns[n] == v for n, v in equals.items()]


def visible(table: Table, actor: Actor) -> list[ColumnElement[bool]]:
    """Rows of other organizations do not exist; nor do those of other projects for whoever is confined to one."""
    found: list[ColumnElement[bool]] = []
    if "organization_id" in table.c:
        found.append(table.c.organization_id == actor.organization_id)
    elif table.name == "organizations":
        found.append(table.c.id == actor.organization_id)
    if actor.project_id is not None and "project_id" in table.c:
        found.append(table.c.project_id == actor.project_id)
    elif actor.project_id is not None and table.name == "projects":
        found.append(table.c.id == actor.project_id)
    return found


def in_reach(entity: Any, actor: Actor) -> bool:
    """What `visible` says, of an entity in hand."""
    columns = TABLES[type(entity)].c
    if type(entity) is Circuit:
        return True  # a provider is everybody's
    organization_id = entity.organization_id if "organization_id" in columns else entity.id
    project_id = entity.id if type(entity) is Project else getattr(entity, "project_id", actor.project_id)
    return organization_id == actor.organization_id and actor.project_id in {None, project_id}


def not_found(kind: type) -> DomainError:
    message = f"There is no such {kind.__name__.lower()}: check its id, and that it is your organization's"
    return DomainError(_NOT_FOUND.get(kind, ErrorCode.NOT_FOUND), message)


_NOT_FOUND: dict[type, ErrorCode] = {
    Organization: ErrorCode.ORG_NOT_FOUND,
    Project: ErrorCode.PROJECT_NOT_FOUND,
    Workflow: ErrorCode.WORKFLOW_NOT_FOUND,
    Asset: ErrorCode.ASSET_NOT_FOUND,
    Run: ErrorCode.RUN_NOT_FOUND,
    Image: ErrorCode.IMAGE_NOT_FOUND,
}


def fingerprint(command: Command[Any]) -> bytes:
    """Equal for equal inputs."""
    inputs = msgspec.json.encode(command, order="deterministic")
    return hashlib.sha256(type(command).__name__.encode() + b" " + inputs).digest()


def _insert(kind: type, entities: list[Any]) -> tuple[Any, list[dict[str, Any]]]:
    names = [column.name for column in columns_of(kind)]
    return insert(TABLES[kind]), [{name: getattr(entity, name) for name in names} for entity in entities]


def _update(kind: type, entities: list[Any]) -> tuple[Any, list[dict[str, Any]]]:
    table = TABLES[kind]
    names = [column.name for column in columns_of(kind) if column.name not in {"id", "organization_id"}]
    rows = [{"row_id": entity.id, **{name: getattr(entity, name) for name in names}} for entity in entities]
    return update(table).where(table.c.id == bindparam("row_id")), rows


_STATEMENTS = {"insert": _insert, "update": _update}


class Database:
    """Opens transactions; `tell` gets what was recorded, once it is committed."""

    def __init__(self, engine: AsyncEngine, tell: Callable[[Sequence[Envelope]], None]) -> None:
        self.engine = engine
        self.tell = tell

    @asynccontextmanager
    async def begin(self, actor: Actor, command: Command[Any]) -> AsyncIterator[SqlTransaction]:
        with spoken_plainly():
            async with self.engine.begin() as connection:
                tx = SqlTransaction(connection, actor, command)
                yield tx
                await tx.finish()
        if tx.envelopes:
            self.tell(tx.envelopes)
