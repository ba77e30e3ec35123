"""Organizations, API keys and memberships, looked up before anyone is known to be allowed anything."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.api_keys import ApiKey
from domain.ids import Id
from domain.members import Member
from domain.organizations import Organization
from domain.permissions import Role
from domain.projects import Project
from storage.failures import spoken_plainly
from storage.statements import select_of
from storage.tables import TABLES

Entity = TypeVar("Entity")

MOST_MEMBERSHIPS = 1_000
# Locked in one order, so that processes that write the same keys wait for each other and do not deadlock.
_KEYS_USED = text("""
    WITH used AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:moments AS timestamptz[])) AS used (id, moment)),
    locked AS (SELECT id FROM api_keys WHERE id IN (SELECT id FROM used) ORDER BY id FOR NO KEY UPDATE)
    UPDATE api_keys SET last_used_at = greatest(api_keys.last_used_at, used.moment)
    FROM used JOIN locked USING (id) WHERE api_keys.id = used.id
""")


class Credentials:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def api_key(self, prefix: str) -> ApiKey | None:
        return await self._one(ApiKey, prefix=prefix)

    async def api_key_by_id(self, id: Id) -> ApiKey | None:
        return await self._one(ApiKey, id=id)

    async def keys_used(self, moments: Mapping[Id, datetime]) -> None:
        """Record when keys were last used."""
        with spoken_plainly():
            async with self.engine.begin() as connection:
                await connection.execute(_KEYS_USED, {"ids": list(moments), "moments": list(moments.values())})

    async def organization(self, slug: str) -> Organization | None:
        return await self._one(Organization, slug=slug)

    async def project(self, organization_id: Id, slug: str) -> Project | None:
        return await self._one(Project, organization_id=organization_id, slug=slug)

    async def memberships(self, organization_id: Id, subject: str) -> dict[Id, Role]:
        """The person's role in each project of the organization; of more than a thousand, the newest count."""
        columns = TABLES[Member].c
        mine = select(columns.project_id, columns.role).where(
            columns.organization_id == organization_id, columns.subject == subject
        )
        with spoken_plainly():
            async with self.engine.connect() as connection:
                rows = await connection.execute(mine.order_by(columns.id.desc()).limit(MOST_MEMBERSHIPS))
                return {row.project_id: row.role for row in rows}

    async def ping(self) -> None:
        """Raises UNAVAILABLE while the database does not answer."""
        with spoken_plainly():
            async with self.engine.connect() as connection:
                await connection.execute(select(1))

    async def _one(self, kind: type[Entity], **equals: Any) -> Entity | None:
        columns = TABLES[kind].c
        wanted: list[ColumnElement[bool]] = [columns[name] == value for name, value in equals.items()]
        with spoken_plainly():
            async with self.engine.connect() as connection:
                row = (await connection.execute(select_of(kind).where(*wanted))).mappings().first()
        return kind(**row) if row else None
