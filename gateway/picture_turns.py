"""How many of the pictures that come in are in memory at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import DomainError, ErrorCode
from domain.image_uploads import MOST_FILE_BYTES

MOST_AT_ONCE = 32
# Of those that are larger than others may be; so many more wait for their turn, their bytes on the disk.
MOST_LARGE_AT_ONCE = 2
MOST_LARGE_WAITING = 30
LARGE_WAIT_SECONDS = 60.0
RETRY_SECONDS = 2


class PictureTurns:
    """Turns of this process. Raises UNAVAILABLE where too many are under way, or wait already."""

    def __init__(self) -> None:
        self._under_way = 0
        self._large_about = 0
        self._large = asyncio.Semaphore(MOST_LARGE_AT_ONCE)

    @asynccontextmanager
    async def of(self, size_bytes: int) -> AsyncIterator[None]:
        """Held while a picture of so many bytes is in memory."""
        if size_bytes <= MOST_FILE_BYTES:
            async with self._one():
                yield
        else:
            async with self._large_one():
                yield

    @asynccontextmanager
    async def _one(self) -> AsyncIterator[None]:
        if self._under_way >= MOST_AT_ONCE:
            raise too_many()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    @asynccontextmanager
    async def _large_one(self) -> AsyncIterator[None]:
        if self._large_about >= MOST_LARGE_AT_ONCE + MOST_LARGE_WAITING:
            raise too_many()
        self._large_about += 1
        try:
            await self._wait()
            try:
                yield
            finally:
                self._large.release()
        finally:
            self._large_about -= 1

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LARGE_WAIT_SECONDS):
                await self._large.acquire()
        except TimeoutError as error:
            raise too_many() from error


def too_many() -> DomainError:
    message = "Too many pictures are coming in at once: try again in a few seconds"
    return DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=RETRY_SECONDS)
