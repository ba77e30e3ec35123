"""Announcements, as everybody sees them, and those whose time has come."""

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.announcements import MOST_OPEN, Announcement
from domain.ids import Id
from storage.failures import spoken_plainly
from storage.pool import reading
from storage.statements import select_of
from storage.tables import announcement_sequence
from storage.tables import announcements as table

_OPEN = table.c.ended_at.is_(None)
_NOT_OVER = or_(table.c.ends_at.is_(None), table.c.ends_at > func.now())
_BEGUN = or_(table.c.started_at.is_not(None), table.c.starts_at <= func.now())
# What was ended before it began was never anybody's to see.
_SHOWN = or_(table.c.started_at.is_not(None), _OPEN & (table.c.starts_at <= func.now()))
_DUE = _OPEN & or_(table.c.started_at.is_(None) & (table.c.starts_at <= func.now()), table.c.ends_at <= func.now())


class Announcements:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = reading(engine)

    async def current(self) -> list[Announcement]:
        """Those that hold now, newest first."""
        return await self._found(_OPEN, _BEGUN, _NOT_OVER)

    async def open(self) -> list[Announcement]:
        """Those that have not ended, newest first: also those that are yet to begin."""
        return await self._found(_OPEN, _NOT_OVER)

    async def due(self) -> list[Id]:
        """Those of which it is time to tell that they have begun or ended, the one that waits for longest first."""
        query = select(table.c.id).where(_DUE).order_by(func.least(table.c.starts_at, table.c.ends_at)).limit(MOST_OPEN)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return list((await connection.execute(query)).scalars())

    async def one(self, id: str, *, also_scheduled: bool) -> Announcement | None:
        """The one with this id, if it has begun; with `also_scheduled` before that too."""
        found = await self._found(table.c.id == id, *([] if also_scheduled else [_SHOWN]))
        return found[0] if found else None

    async def current_with_seq(self) -> tuple[list[Announcement], int]:
        """
        Those that were told to have begun and still hold, newest first, and the number of the newest event of all.

        Both are from one moment: what is told of any of them afterwards has a greater number.
        """
        number = select(func.coalesce(func.max(announcement_sequence.c.seq), 0).label("newest")).subquery()
        current = _OPEN & table.c.started_at.is_not(None) & _NOT_OVER
        query = select_of(Announcement).add_columns(number.c.newest).select_from(number.outerjoin(table, current))
        with spoken_plainly():
            async with self.engine.connect() as connection:
                rows = [dict(row) for row in (await connection.execute(query.order_by(table.c.id.desc()))).mappings()]
        newest = max(row.pop("newest") for row in rows)
        return [Announcement(**row) for row in rows if row["id"] is not None], newest

    async def _found(self, *where: ColumnElement[bool]) -> list[Announcement]:
        query: Select[tuple[Announcement]] = select_of(Announcement).where(*where).order_by(table.c.id.desc())
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return [Announcement(**row) for row in (await connection.execute(query)).mappings()]
