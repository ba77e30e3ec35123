"""Who is present in which project: in Redis for all processes, or in this one alone. Kept for seconds, never stored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage.presences.here import HerePresences
from storage.presences.port import Presences
from storage.presences.redis import RedisPresences

__all__ = ["HerePresences", "Presences", "RedisPresences", "open_presences"]


@asynccontextmanager
async def open_presences(redis_url: str | None) -> AsyncIterator[Presences]:
    """In Redis or Valkey where there is one, else in this process."""
    if redis_url is None:
        yield HerePresences()
        return
    presences = RedisPresences(redis_url)
    try:
        yield presences
    finally:
        await presences.close()
