"""Questions that many ask at once, asked together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from itertools import islice
from typing import Generic, TypeVar

from storage.failures import unavailable

MOST_AT_ONCE = 256
MOST_WAITING = 10_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Batches(Generic[Key, Value]):
    """
    One question at a time, for all who came while the last one was being answered.

    Nobody is told what was read before they asked, so it is as true as a question of one's own, at a fraction of its
    price where many ask. Whoever asks for the same is answered by the same. `ask` has to have a limit of its own.
    """

    def __init__(self, ask: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._ask = ask
        self._waiting: dict[Key, asyncio.Future[Value | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def one(self, key: Key) -> Value | None:
        """The answer, None where there is none. Raises what the question raised, UNAVAILABLE where too many wait."""
        answer = self._waiting.get(key)
        if answer is None:
            if len(self._waiting) >= MOST_WAITING:
                raise unavailable()
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        return await asyncio.shield(answer)  # whoever leaves early takes it from nobody else

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                keys = list(islice(self._waiting, MOST_AT_ONCE))
                await self._answer({key: self._waiting.pop(key) for key in keys})
        finally:
            self._asking = None

    async def _answer(self, batch: "dict[Key, asyncio.Future[Value | None]]") -> None:
        try:
            found = await self._ask(list(batch))
        except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
            for answer in batch.values():
                answer.set_exception(error)
                answer.exception()  # seen, even where all who asked have left
        else:
            for key, answer in batch.items():
                answer.set_result(found.get(key))
