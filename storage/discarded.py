"""Bytes that nobody needs any more, to be removed from the object store."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.discarded import Discarded
from domain.ids import Id
from domain.ports import ObjectStore
from storage.failures import spoken_plainly
from storage.statements import inserting

EVERY_SECONDS = 2.0
AT_ONCE = 10
UNNEEDED_SECONDS = 3_600

# The rows are this remover's until the bytes are gone: a crash in between leaves them to the next.
_TAKE = text("""
    DELETE FROM discarded WHERE id IN (
        SELECT id FROM discarded WHERE due_at <= now() ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING object_key
""")

# Variants of what is not there any more.
_TAKE_VARIANTS = text("""
    DELETE FROM image_variants WHERE id IN (
        SELECT id FROM image_variants WHERE image_id IS NULL ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING object_key
""")
_DROP = text("UPDATE discarded SET due_at = now() WHERE id = :id")


class NotYetNeeded:
    """Bytes that are stored before anything in the database needs them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def begin(self, organization_id: Id, object_key: str) -> Discarded:
        """To be called before the bytes are stored: they go after an hour, unless a transaction removes the row."""
        due_at = datetime.now(UTC) + timedelta(seconds=UNNEEDED_SECONDS)
        row = Discarded(organization_id=organization_id, object_key=object_key, due_at=due_at)
        statement, values = inserting(Discarded, [row])
        with spoken_plainly():
            async with self.engine.begin() as connection:
                await connection.execute(statement, values)
        return row

    async def drop(self, row: Discarded) -> None:
        """They go now; not so where a transaction has come to need them, whatever its caller was told."""
        with spoken_plainly():
            async with self.engine.begin() as connection:
                await connection.execute(_DROP, {"id": row.id})


async def remove_discarded(engine: AsyncEngine, objects: ObjectStore) -> None:
    """Remove all. Raises UNAVAILABLE while the database or the store is away, and nothing is forgotten."""
    for take in (_TAKE, _TAKE_VARIANTS):
        while await _remove(engine, objects, take) == AT_ONCE:
            pass


async def _remove(engine: AsyncEngine, objects: ObjectStore, take: TextClause) -> int:
    with spoken_plainly():
        async with engine.begin() as connection:
            keys = (await connection.execute(take, {"most": AT_ONCE})).scalars().all()
            for key in keys:
                await objects.delete(key)
    return len(keys)
