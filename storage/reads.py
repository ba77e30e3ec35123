"""Reads: plain rows as entities, already scoped to what the actor may see."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.accounts import Account, EntryKind, LedgerEntry
from domain.api_keys import ApiKey
from domain.assets import Asset
from domain.circuits import Circuit
from domain.flows import Flow
from domain.generations import Generation
from domain.ids import Id, parse_id
from domain.image_uploads import ImageUpload
from domain.images import Image
from domain.live_scopes import LiveScope
from domain.members import Member
from domain.organizations import Organization
from domain.permissions import Actor, Permission
from domain.projects import Project
from domain.runs import Run
from domain.shots.batch import ShotBatch
from domain.shots.files import ShotFile
from domain.shots.logs import LogLine
from domain.shots.shot import Shot
from domain.steps import Step
from domain.webhook_deliveries import WebhookDelivery
from domain.webhooks import WebhookEndpoint
from domain.workflows import Workflow, WorkflowVersion
from storage.failures import spoken_plainly
from storage.pages import Listed, Page, page_size, read_cursor
from storage.pool import reading
from storage.statements import select_of, visible
from storage.tables import TABLES

Entity = TypeVar("Entity")


# What reading each noun takes.
READS: dict[type[Any], Permission] = {
    Organization: Permission.PROJECTS_READ,
    Project: Permission.PROJECTS_READ,
    Workflow: Permission.WORKFLOWS_READ,
    WorkflowVersion: Permission.WORKFLOWS_READ,
    Asset: Permission.ASSETS_READ,
    Run: Permission.RUNS_READ,
    Step: Permission.RUNS_READ,
    Image: Permission.IMAGES_READ,
    ImageUpload: Permission.IMAGES_WRITE,
    Flow: Permission.IMAGES_READ,
    Generation: Permission.IMAGES_READ,
    LiveScope: Permission.IMAGES_READ,
    ShotBatch: Permission.IMAGES_READ,
    Shot: Permission.IMAGES_READ,
    ShotFile: Permission.IMAGES_READ,
    LogLine: Permission.IMAGES_READ,
    Member: Permission.MEMBERS_READ,
    Circuit: Permission.RUNS_READ,
    ApiKey: Permission.KEYS_READ,
    WebhookEndpoint: Permission.WEBHOOKS_READ,
    WebhookDelivery: Permission.WEBHOOKS_READ,
    Account: Permission.CREDITS_READ,
    LedgerEntry: Permission.CREDITS_READ,
}
NODES = (
    Organization, Project, Workflow, Asset, Run, Step, Generation, Image, Flow, LiveScope, ApiKey, WebhookEndpoint,
    WebhookDelivery, ShotBatch, Shot,
)  # fmt: skip


PROJECTS_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """A project, and the slugs by which the outside knows it."""

    project_id: Id
    project_slug: str
    organization_slug: str


@dataclass(frozen=True, slots=True)
class Count:
    """A count that is made only when it is asked for."""

    reads: "Reads"
    kind: type
    where: list[ColumnElement[bool]]

    async def total(self) -> int:
        query = select(func.count()).select_from(TABLES[self.kind]).where(*self.where)
        with spoken_plainly():
            async with self.reads.engine.connect() as connection:
                return (await connection.execute(query)).scalar_one()


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows as one actor sees them."""

    reads: "Reads"
    actor: Actor

    async def newest(self, kind: type[Entity], /, **equals: Any) -> Entity | None:
        return await self.reads.one(kind, self.actor, **equals)

    async def oldest(self, kind: type[Entity], /, **equals: Any) -> Entity | None:
        return await self.reads.oldest(kind, self.actor, **equals)


class Reads:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = reading(engine)
        self._projects: OrderedDict[tuple[Id, Id], None] = OrderedDict()  # that were found, by their organizations

    def seen_by(self, actor: Actor) -> Seen:
        return Seen(self, actor)

    async def one(self, kind: type[Entity], actor: Actor, **equals: Any) -> Entity | None:
        """The newest row whose fields equal these."""
        found = await self._rows(kind, self._where(kind, actor, equals), 1)
        return found[0] if found else None

    async def oldest(self, kind: type[Entity], actor: Actor, **equals: Any) -> Entity | None:
        """The oldest row whose fields equal these."""
        where = self._where(kind, actor, equals)
        query = select_of(kind).where(*where).order_by(TABLES[kind].c.id).limit(1)
        found = await self._fetch(kind, query)
        return found[0] if found else None

    async def count_of_each(
        self, kind: type[Entity], actor: Actor, column: str, values: Sequence[str], **equals: Any
    ) -> dict[Any, int]:
        """How many rows whose fields equal these there are for each value of the column; none where it is missing."""
        by = TABLES[kind].c[column]
        where = self._where(kind, actor, {column: list(values), **equals})
        query = select(by, func.count()).where(*where).group_by(by)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return {row[0]: row[1] for row in (await connection.execute(query)).all()}

    async def many(self, kind: type[Entity], actor: Actor, **equals: Any) -> list[Entity]:
        """Every row whose fields equal these (a list means any of its values), newest first."""
        return await self._rows(kind, self._where(kind, actor, equals), None)

    async def page(
        self, kind: type[Entity], actor: Actor, *, first: int | None, after: str | None, **equals: Any
    ) -> Page[Entity]:
        """Up to `first` rows (1 to 100) that are older than the one the cursor `after` names."""
        return await self._page(kind, actor, first, after, equals, newest_first=True)

    async def page_from_oldest(
        self, kind: type[Entity], actor: Actor, *, first: int | None, after: str | None, **equals: Any
    ) -> Page[Entity]:
        """The same from the oldest on: rows that are newer than that one."""
        return await self._page(kind, actor, first, after, equals, newest_first=False)

    async def _page(
        self,
        kind: type[Entity],
        actor: Actor,
        first: int | None,
        after: str | None,
        equals: dict[str, Any],
        *,
        newest_first: bool,
    ) -> Page[Entity]:
        size, id_ = page_size(first), TABLES[kind].c.id
        where = self._where(kind, actor, equals)
        cursor = None if after is None else read_cursor(after)
        beyond = [] if cursor is None else [id_ < cursor if newest_first else id_ > cursor]
        query = select_of(kind).where(*where, *beyond).order_by(id_.desc() if newest_first else id_).limit(size + 1)
        found = await self._fetch(kind, query)
        return Page(found[:size], len(found) > size, after is not None, Count(self, kind, where))

    async def listed(
        self, kind: type[Entity], actor: Actor, *, limit: int, offset: int, **equals: Any
    ) -> Listed[Entity]:
        """Up to `limit` rows after the `offset` newest ones; rows that are skipped beyond the end cost nothing."""
        where = self._where(kind, actor, equals)
        total = await Count(self, kind, where).total()
        if offset >= total:
            return Listed([], total)
        query = select_of(kind).where(*where).order_by(TABLES[kind].c.id.desc()).limit(limit).offset(offset)
        return Listed(await self._fetch(kind, query), total)

    async def newest_of_each(
        self, kind: type[Entity], actor: Actor, column: str, values: Sequence[str]
    ) -> list[Entity]:
        """For each value of the column, its newest row."""
        by = TABLES[kind].c[column]
        where = self._where(kind, actor, {column: list(values)})
        newest = select_of(kind).ext(distinct_on(by)).where(*where)
        query = newest.order_by(by, TABLES[kind].c.id.desc())
        return await self._fetch(kind, query)

    async def project_of(
        self, kind: type, actor: Actor, id: Id, permission: Permission = Permission.RUNS_START
    ) -> Id | None:
        """The project of a row, where the actor has this permission in it."""
        table = TABLES[kind]
        within = visible(table, actor.organization_id, actor.reach(permission))
        query = select(table.c.get("project_id", table.c.id)).where(*within, table.c.id == id)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return (await connection.execute(query)).scalar()

    async def place_of(self, actor: Actor, project_id: Id | None = None, *, slug: str | None = None) -> Place | None:
        """Where the project of this id, or of this slug, is: of those in which the actor may look at images."""
        projects, organizations = TABLES[Project], TABLES[Organization]
        actor.require(Permission.IMAGES_READ)
        within = visible(projects, actor.organization_id, actor.reach(Permission.IMAGES_READ))
        columns = (projects.c.id, projects.c.slug, organizations.c.slug)
        named = projects.c.id == project_id if slug is None else projects.c.slug == slug
        query = select(*columns).join(organizations).where(*within, named)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                row = (await connection.execute(query)).first()
        return Place(*row) if row else None

    async def spent(self, actor: Actor, since: datetime) -> Decimal:
        """The credits that were charged since then."""
        entries = TABLES[LedgerEntry].c
        where = self._where(LedgerEntry, actor, {"kind": EntryKind.CHARGE})
        query = select(func.coalesce(-func.sum(entries.amount), 0)).where(*where, entries.at > since)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return Decimal((await connection.execute(query)).scalar_one())

    async def has_project(self, organization_id: Id, project_id: Id) -> bool:
        """Whether the organization has this project; once it has, it always does."""
        key = organization_id, project_id
        if key not in self._projects:
            table = TABLES[Project].c
            query = select(table.id).where(table.id == project_id, table.organization_id == organization_id)
            with spoken_plainly():
                async with self.engine.connect() as connection:
                    if (await connection.execute(query)).first() is None:
                        return False
            self._projects[key] = None
            if len(self._projects) > PROJECTS_KNOWN:
                self._projects.popitem(last=False)
        return True

    async def any_node(self, actor: Actor, id: str) -> Any:
        """Whatever has this id, of the nouns that can be asked for by id; None where the actor may not read it."""
        asked = parse_id(id)
        allowed = [kind for kind in NODES if actor.may(READS[kind])]
        if asked is None or not allowed:
            return None
        queries = [
            select(literal(NODES.index(kind)).label("kind")).where(*self._where(kind, actor, {"id": asked}))
            for kind in allowed
        ]
        with spoken_plainly():
            async with self.engine.connect() as connection:
                index = (await connection.execute(union_all(*queries))).scalar()
        return None if index is None else await self.one(NODES[index], actor, id=asked)

    def _where(self, kind: type, actor: Actor, equals: dict[str, Any]) -> list[ColumnElement[bool]]:
        actor.require(READS[kind])
        columns = TABLES[kind].c
        wanted = [
            columns[name].in_(value) if isinstance(value, list) else columns[name] == value
            for name, value in equals.items()
        ]
        return [*visible(TABLES[kind], actor.organization_id, actor.reach(READS[kind])), *wanted]

    async def _rows(self, kind: type[Entity], where: list[ColumnElement[bool]], most: int | None) -> list[Entity]:
        query = select_of(kind).where(*where).order_by(TABLES[kind].c.id.desc()).limit(most)
        return await self._fetch(kind, query)

    async def _fetch(self, kind: type[Entity], query: Any) -> list[Entity]:
        with spoken_plainly():
            async with self.engine.connect() as connection:
                rows = await connection.execute(query)
                return [kind(**row) for row in rows.mappings()]
