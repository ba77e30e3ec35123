"""Bytes that nobody needs any more, to be removed from the object store."""

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ports import ObjectStore
from storage.failures import spoken_plainly

EVERY_SECONDS = 2.0
AT_ONCE = 10

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
