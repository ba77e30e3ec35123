"""Blocking calls, kept off the event loop and within bounds."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar, TypeVarTuple

from domain.errors import DomainError
from storage.objects.failures import unavailable

CHUNK_BYTES = 256 * 1024

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Threads:
    """
    At most `threads` calls at once and `waiting` more behind them, each waited for at most `limit_seconds`.

    A call that takes longer is given up, not stopped: it needs a timeout of its own to free its thread.
    What a call raises of `failures` is raised as the DomainError that `explain` makes of it.
    """

    def __init__(
        self,
        failures: tuple[type[Exception], ...],
        explain: Callable[[Exception], DomainError],
        *,
        limit_seconds: float,
        threads: int = 16,
        waiting: int = 256,
    ) -> None:
        self._failures: tuple[type[Exception], ...] = (*failures, TimeoutError)
        self._explain = explain
        self._limit_seconds = limit_seconds
        self._bound = threads + waiting
        self._pending = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="objects")

    async def run(self, call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        if self._pending >= self._bound:
            raise unavailable("The object store has too much to do at once: try again in a few seconds.")
        self._pending += 1
        try:
            async with asyncio.timeout(self._limit_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)
        except self._failures as error:
            raise self._explain(error) from error
        finally:
            self._pending -= 1

    async def chunks(self, open_reader: Callable[[], Reader]) -> AsyncGenerator[bytes, None]:
        """What the reader has, in pieces of at most `CHUNK_BYTES`; it is closed however early the consumer leaves."""
        reader = await self.run(open_reader)
        try:
            while chunk := await self.run(reader.read, CHUNK_BYTES):
                yield chunk
        finally:
            # In a thread: closing waits for a read that a cancelled consumer left behind.
            self._executor.submit(reader.close)
