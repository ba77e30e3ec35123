"""What keeping presences promises, wherever they are kept."""

from collections.abc import Sequence
from typing import Protocol

from domain.ids import Id
from domain.presence import Presence


class Presences(Protocol):
    """Each presence is forgotten `seconds` after it was last put or kept. All calls may raise UNAVAILABLE, soon."""

    async def put(self, presence: Presence, seconds: float) -> None:
        """A newer version that is there stays. Raises QUOTA_EXCEEDED where the project is full."""
        ...

    async def keep(self, presences: Sequence[Presence], seconds: float) -> list[Presence]:
        """For so many seconds more. Those that are missing, or of an older version there, have to be put again."""
        ...

    async def remove(self, project_id: Id, connection_id: Id) -> None: ...

    async def of(self, project_id: Id) -> list[Presence]:
        """Those who are present, in the order they came."""
        ...
