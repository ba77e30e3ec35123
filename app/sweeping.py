"""Sweeping: what is in the object store and belongs to nothing is counted, and removed where that is wanted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import DomainError, ErrorCode
from domain.ports import ObjectStore, StoredObject
from storage.orphans import pages_of_store


@dataclass(slots=True)
class Found:
    """What a walk through the store came to: all objects, and the number and bytes of those without a row, by kind."""

    objects: int = 0
    orphans: Counter[str] = field(default_factory=Counter)
    orphan_bytes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """`seen` is told how many more objects were looked at."""

    engine: AsyncEngine
    objects: ObjectStore
    older_than: timedelta
    seen: Callable[[int], None]

    async def look(self) -> Found:
        """Count, and remove nothing."""
        return await self._walk(delete=False)

    async def delete(self, found: Found) -> Found:
        """
        Remove what belongs to nothing, as `look` has found it.

        Raises CONFLICT where nothing in the store belongs to this database: then it is another one's.
        """
        if found.orphans.total() and found.orphans.total() == found.objects:
            message = (
                f"Not one of {found.objects:,} objects in the store belongs to this database: nothing was removed. "
                "Check that EASEL_DATABASE_URL, EASEL_DATA_DIR and EASEL_S3_BUCKET are those of one studio"
            )
            raise DomainError(ErrorCode.CONFLICT, message)
        return await self._walk(delete=True)

    async def _walk(self, *, delete: bool) -> Found:
        found = Found()
        before = datetime.now(UTC) - self.older_than
        async for page, orphans in pages_of_store(self.engine, self.objects, before):
            for one in orphans:
                if delete:
                    await self.objects.delete(one.key)
                _count(found, one)
            found.objects += len(page)
            self.seen(len(page))
        return found


def _count(found: Found, orphan: StoredObject) -> None:
    kind = kind_of(orphan.key)
    found.orphans[kind] += 1
    found.orphan_bytes[kind] += orphan.size


def kind_of(key: str) -> str:
    """What an object was, by where it is kept: pictures in folders of their projects, all else in folders named so."""
    folder = key.partition("/")[0]
    try:
        UUID(folder)
    except ValueError:
        return folder if "/" in key else "other"
    return "pictures"
