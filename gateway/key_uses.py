"""When API keys were last used: noted in memory, written now and then, for all keys at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog

from domain.errors import DomainError
from domain.ids import Id

WRITTEN_EVERY_SECONDS = 15.0
WRITE_SECONDS = 5.0
MOST_NOTED = 10_000

log = structlog.get_logger(__name__)

Write = Callable[[Mapping[Id, datetime]], Awaitable[None]]


class KeyUses:
    """What could not be written waits for the next time; of too many keys, those used longest ago are forgotten."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._noted: OrderedDict[Id, datetime] = OrderedDict()

    def note(self, key_id: Id) -> None:
        self._keep({key_id: datetime.now(UTC)})

    async def run(self, every_seconds: float = WRITTEN_EVERY_SECONDS) -> None:
        """Write for ever."""
        while True:
            await asyncio.sleep(every_seconds)
            await self.flush()

    async def flush(self) -> None:
        """Write what is noted; what goes wrong is logged, for nobody is to be refused because of it."""
        noted, self._noted = self._noted, OrderedDict()
        if not noted:
            return
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._write(noted)
        except BaseException as error:  # also when it is interrupted, what was noted is not lost
            newer, self._noted = self._noted, noted
            self._keep(newer)
            if not isinstance(error, DomainError | TimeoutError):
                raise
            log.warning("key_uses_not_written", keys=len(noted), error=str(error))

    def _keep(self, uses: Mapping[Id, datetime]) -> None:
        for key_id, moment in uses.items():
            self._noted[key_id] = moment
            self._noted.move_to_end(key_id)
        while len(self._noted) > MOST_NOTED:
            self._noted.popitem(last=False)
