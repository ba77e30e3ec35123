"""Questions that many ask at once."""

import asyncio
from collections.abc import Mapping

import pytest

from domain.errors import DomainError, ErrorCode
from storage.batches import MOST_AT_ONCE, MOST_WAITING, Batches


class Oracle:
    """Answers when it is let, with how often it was asked by then."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.heard = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, keys: list[str]) -> Mapping[str, int]:
        self.asked.append(keys)
        number = len(self.asked)
        self.heard.set()
        await self.may_answer.wait()
        if "broken" in keys:
            raise DomainError(ErrorCode.UNAVAILABLE, "away")
        return {key: number for key in keys if key != "unknown"}


async def test_who_asks_while_another_is_answered_is_asked_for_afterwards_and_all_together() -> None:
    oracle = Oracle()
    batches = Batches(oracle)
    first = asyncio.create_task(batches.one("a"))
    await oracle.heard.wait()
    later = [asyncio.create_task(batches.one(key)) for key in ("a", "b", "a", "unknown")]
    await asyncio.sleep(0)
    oracle.may_answer.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2, 2, 2, None]
    assert oracle.asked == [["a"], ["a", "b", "unknown"]]


async def test_a_failure_is_told_to_those_who_asked_and_to_nobody_after_them() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    batches = Batches(oracle)
    failed = await asyncio.gather(*(batches.one(key) for key in ("a", "broken")), return_exceptions=True)
    assert [error.code for error in failed if isinstance(error, DomainError)] == [ErrorCode.UNAVAILABLE] * 2
    assert await batches.one("a") == 2


async def test_who_leaves_early_takes_the_answer_from_nobody_else() -> None:
    oracle = Oracle()
    batches = Batches(oracle)
    leaving, staying = (asyncio.create_task(batches.one("a")) for _ in range(2))
    await oracle.heard.wait()
    leaving.cancel()
    await asyncio.wait({leaving})
    oracle.may_answer.set()
    assert await staying == 1


async def test_there_is_an_end_to_what_is_asked_at_once_and_to_who_may_wait() -> None:
    oracle = Oracle()
    batches = Batches(oracle)
    first = asyncio.create_task(batches.one("first"))
    await oracle.heard.wait()
    waiting = [asyncio.create_task(batches.one(str(number))) for number in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(DomainError) as refused:
        await batches.one("one too many")
    assert refused.value.code is ErrorCode.UNAVAILABLE
    oracle.may_answer.set()
    assert await first == 1
    assert None not in await asyncio.gather(*waiting)
    assert max(map(len, oracle.asked)) == MOST_AT_ONCE
