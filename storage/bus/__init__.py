"""The bus between processes: it says soon what PostgreSQL knows for certain."""

from broadcaster import Broadcast

from storage.bus.inbox import RESYNC
from storage.bus.notify import NotifyBackend
from storage.bus.reconnecting import DEFAULT_LIMITS, BusLimits
from storage.bus.redis import RedisBackend

__all__ = ["RESYNC", "BusLimits", "create_bus"]


def create_bus(*, redis_url: str | None, database_url: str, limits: BusLimits = DEFAULT_LIMITS) -> Broadcast:
    """The bus of this deployment: Redis or Valkey where there is one, else PostgreSQL's NOTIFY."""
    backend = RedisBackend(redis_url, limits) if redis_url else NotifyBackend(database_url, limits)
    return Broadcast(backend=backend)
