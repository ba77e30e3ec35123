"""Questions that many ask at once, asked together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
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
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def one(self, key: Key) -> Value | None:
        """The answer, None where there is none. Raises what the question raised, UNAVAILABLE where too many wait."""
        answer: asyncio.Future[Value | None] = asyncio.get_running_loop().create_future()
        self._join(key, answer)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        return await answer

    def _join(self, key: Key, answer: "asyncio.Future[Value | None]") -> None:
        """Each has an answer of their own: whoever leaves early takes it from nobody else."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(answer)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[key] = [answer]
        else:
            raise unavailable()

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                keys = list(islice(self._waiting, MOST_AT_ONCE))
                await self._answer({key: self._waiting.pop(key) for key in keys})
        finally:
            self._asking = None

    async def _answer(self, batch: "dict[Key, list[asyncio.Future[Value | None]]]") -> None:
        try:
            found = await self._ask(list(batch))
        except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
            for answer in _awaited(batch.values()):
                answer.set_exception(error)
        else:
            for key, answers in batch.items():
                value = found.get(key)
                for answer in _awaited((answers,)):
                    answer.set_result(value)


def _awaited(
    answers: "Iterable[list[asyncio.Future[Value | None]]]",
) -> "Iterator[asyncio.Future[Value | None]]":
    return (answer for some in answers for answer in some if not answer.done())
