"""Bytes that nobody needs any more, to be removed from the object store."""

from sqlalchemy import text
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


async def remove_discarded(engine: AsyncEngine, objects: ObjectStore) -> None:
    """Remove all. Raises UNAVAILABLE while the database or the store is away, and nothing is forgotten."""
    removed = AT_ONCE
    while removed == AT_ONCE:
        with spoken_plainly():
            async with engine.begin() as connection:
                keys = (await connection.execute(_TAKE, {"most": AT_ONCE})).scalars().all()
                for key in keys:
                    await objects.delete(key)
        removed = len(keys)
