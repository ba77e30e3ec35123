"""A connection for one question that is asked all the time."""

from typing import Any

import asyncpg

from storage.failures import spoken_plainly, unavailable
from storage.pool import asyncpg_url

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 10.0

# The last is what asyncpg runs into where a connection was ended and has not noticed yet.
_ENDED = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InternalClientError,
)


class Line:
    """
    Asks one question after another, never two at once; connected when it is first used, and anew when it was cut.

    It costs a tenth of what a question over the pool does: nothing is handed out, set up, begun, ended and taken back.
    For reading alone, as what was cut is asked again.
    """

    def __init__(self, database_url: str) -> None:
        self._url = asyncpg_url(database_url)
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """Raises UNAVAILABLE while the database does not answer."""
        with spoken_plainly():
            try:
                return await self._asked(query, values)
            except (asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError) as error:
                raise unavailable() from error

    async def _asked(self, query: str, values: tuple[Any, ...]) -> "list[asyncpg.Record]":
        if self._connection is not None and not self._connection.is_closed():
            try:
                return list(await self._connection.fetch(query, *values))
            except _ENDED:
                self._connection.terminate()
        self._connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS, command_timeout=ANSWER_SECONDS)
        return list(await self._connection.fetch(query, *values))

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
