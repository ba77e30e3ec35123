"""Blocking calls, kept off the event loop and within bounds."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from itertools import islice
from threading import Lock
from typing import Protocol, TypeVar, TypeVarTuple

from domain.errors import DomainError
from storage.objects.failures import unavailable

CHUNK_BYTES = 256 * 1024
LARGE_CHUNK_BYTES = 64 * 1024
"""Of what takes longer to send, many readers may be waiting with a piece each."""

PAGE_OBJECTS = 1_000
MOST_READERS = 2_000

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
        self._readers = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="objects")

    async def run(self, call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        if self._pending >= self._bound:
            raise _too_much()
        return await self._run(call, *arguments)

    async def chunks(
        self, open_reader: Callable[[], Reader], most_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """
        What the reader has, `most_bytes` at most: in one piece up to `CHUNK_BYTES`, else in smaller ones.

        It is closed however early the consumer leaves. Readers count for themselves, `MOST_READERS` at once: what was
        begun is not refused half-way, whatever else there is to do, but waits its turn.
        """
        if self._readers >= MOST_READERS:
            raise _too_much()
        self._readers += 1
        try:
            async with aclosing(self._chunks(open_reader, most_bytes)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._readers -= 1

    async def _chunks(self, open_reader: Callable[[], Reader], most_bytes: int | None) -> AsyncGenerator[bytes, None]:
        size = most_bytes if most_bytes and most_bytes <= CHUNK_BYTES else LARGE_CHUNK_BYTES
        left = most_bytes
        opening = _Opening(open_reader)
        try:
            chunk = await self._run(opening.first, size)
            while chunk:
                yield chunk
                left = None if left is None else left - len(chunk)
                wanted = size if left is None else min(left, size)
                chunk = await self._run(opening.read, wanted) if wanted else b""
        finally:
            # In a thread: closing waits for a read that a cancelled consumer left behind.
            self._executor.submit(opening.close)

    async def pages(self, found: Generator[Result, None, None]) -> AsyncGenerator[list[Result], None]:
        """What a blocking generator gives, by the thousand."""
        try:
            while page := await self.run(_page, found):
                yield page
        finally:
            self._executor.submit(found.close)

    async def _run(self, call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        self._pending += 1
        # Not as the future's own: what runs in threads ends in a circle of futures, which would keep it for long.
        answer: list[Result] = []
        try:
            async with asyncio.timeout(self._limit_seconds):
                await asyncio.get_running_loop().run_in_executor(
                    self._executor, lambda: answer.append(call(*arguments))
                )
                return answer.pop()
        except self._failures as error:
            raise self._explain(error) from error
        finally:
            self._pending -= 1


def _too_much() -> DomainError:
    return unavailable("The object store has too much to do at once: try again in a few seconds.")


class _Opening:
    """A reader, which its consumer may leave while it is still being opened."""

    def __init__(self, open_reader: Callable[[], Reader]) -> None:
        self._open = open_reader
        self._reader: Reader | None = None
        self._is_left = False
        self._lock = Lock()

    def first(self, size: int) -> bytes:
        """Opened, and the first piece: most objects have no other, and each way to a thread and back takes time."""
        reader = self._open()
        with self._lock:
            self._reader = reader
            is_left = self._is_left
        if is_left:
            reader.close()
            return b""
        return reader.read(size)

    def read(self, size: int) -> bytes:
        return self._reader.read(size) if self._reader else b""

    def close(self) -> None:
        with self._lock:
            self._is_left = True
            reader = self._reader
        if reader is not None:
            reader.close()


def _page(found: Generator[Result, None, None]) -> list[Result]:
    return list(islice(found, PAGE_OBJECTS))
