"""Objects in the store that no row names: left behind by crashes between the two."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ports import ObjectStore, StoredObject
from storage.failures import spoken_plainly
from storage.pool import reading

# Every column that names objects. What was discarded is named until it is gone, by those who remove it.
_NAMED = text("""
    SELECT object_key FROM images WHERE object_key = ANY(CAST(:keys AS text[]))
    UNION SELECT object_key FROM image_variants WHERE object_key = ANY(CAST(:keys AS text[]))
    UNION SELECT object_key FROM image_uploads WHERE object_key = ANY(CAST(:keys AS text[]))
    UNION SELECT object_key FROM discarded WHERE object_key = ANY(CAST(:keys AS text[]))
""")


async def pages_of_store(
    engine: AsyncEngine, objects: ObjectStore, before: datetime
) -> AsyncIterator[tuple[list[StoredObject], list[StoredObject]]]:
    """
    The objects of the store, page by page, and those of them that no row names and that were there `before` then.

    Bytes are stored ahead of the row that names them: what is younger may be about to get one.
    """
    async with aclosing(objects.walk()) as pages:
        async for page in pages:
            old = [one for one in page if one.modified_at < before]
            named = await _named(engine, [one.key for one in old])
            yield page, [one for one in old if one.key not in named]


async def _named(engine: AsyncEngine, keys: list[str]) -> set[str]:
    with spoken_plainly():
        async with reading(engine).connect() as connection:
            return set((await connection.execute(_NAMED, {"keys": keys})).scalars())
