"""An outbox over a real socket: everything in order while it is read, else the newest of each subject, or an end."""

import asyncio

import pytest

from streams.sockets.backlog import MOST_BYTES, MOST_MESSAGES
from streams.sockets.outbox import STUCK_SECONDS
from tests.streams.wired import Wired, numbered, wired

PAUSE_SECONDS = 0.02
MOST_UNREAD_BYTES = 400_000


def _numbers(heard: list[str]) -> list[int]:
    return [int(one) for one in heard]


async def test_who_reads_gets_everything_in_order() -> None:
    async with wired() as one:
        reading = asyncio.create_task(one.heard(5_000))
        for number in range(5_000):
            one.outbox.send(b"%d" % number, b" " * 1_000, subject="a run")
            await one.outbox.has_room()
        assert _numbers(await reading) == list(range(5_000))
    assert not one.stuck.is_set()


@pytest.mark.parametrize("size", [1, 125, 126, 127, 65_535, 65_536, 70_000])
async def test_a_message_of_any_length_arrives_as_it_was_sent(size: int) -> None:
    async with wired() as one:
        for parts in ((b"x" * size,), (b"x", b"", b"x" * (size - 1))):
            one.outbox.send(*parts)
            assert await one.heard(1) == ["x" * size]


async def test_that_nobody_reads_is_noticed_before_much_was_sent() -> None:
    async with wired() as one:
        assert await one.fill(1_000) < MOST_UNREAD_BYTES / 1_000


async def test_what_does_not_exceed_the_bounds_is_all_there_when_it_is_read_at_last() -> None:
    async with wired() as one:
        sent = await one.fill()
        for number in range(sent, sent + MOST_MESSAGES):
            one.outbox.send(numbered(number, 1_000), subject="a run")
        assert _numbers(await one.heard(sent + MOST_MESSAGES)) == list(range(sent + MOST_MESSAGES))


async def test_who_reads_again_gets_the_newest_of_each_subject_the_last_one_last_and_then_everything() -> None:
    async with wired() as one:
        sent = await one.fill()
        last = sent + 100 * MOST_MESSAGES
        for number in range(sent, last):
            one.outbox.send(numbered(number, 1_000), subject=number % 5)
        heard = _numbers(await one.heard(sent))
        assert heard == list(range(sent))
        while heard[-1] != last - 1:
            heard += _numbers(await one.heard(1))
        assert heard == sorted(set(heard))
        assert len(heard) <= sent + MOST_MESSAGES
        assert set(range(last - 5, last)) <= set(heard)
        await one.outbox.has_room()
        for number in range(3):
            one.outbox.send(numbered(number, 10), subject="a run")
        assert _numbers(await one.heard(3)) == [0, 1, 2]
    assert not one.stuck.is_set()


@pytest.mark.parametrize(("count", "size"), [(MOST_MESSAGES + 1, 10), (33, MOST_BYTES // 32)])
async def test_too_many_subjects_or_bytes_are_told_at_once(count: int, size: int) -> None:
    async with wired() as one:
        await one.fill()
        for number in range(count - 1):
            one.outbox.send(numbered(number, size), subject=number)
        assert not one.stuck.is_set()
        one.outbox.send(numbered(count, size), subject=count)
        assert one.stuck.is_set()


async def test_who_waits_for_room_goes_on_once_there_is_some_or_once_there_never_will_be() -> None:
    async with wired() as one:
        await one.outbox.has_room()
        sent = await one.fill()
        waiting = asyncio.create_task(one.outbox.has_room())
        await asyncio.sleep(PAUSE_SECONDS)  # nothing may happen meanwhile
        assert not waiting.done()
        await one.heard(sent)
        await waiting
        await one.fill()
        waiting = asyncio.create_task(one.outbox.has_room())
        await asyncio.sleep(PAUSE_SECONDS)  # it waits by now
        one.outbox.close()
        await waiting


@pytest.mark.slow
async def test_who_reads_nothing_is_given_up_in_time_and_who_reads_slowly_is_not() -> None:
    async with wired() as shut, wired() as slow:
        for one in (shut, slow):
            await one.fill()
        began = asyncio.get_running_loop().time()
        heard = asyncio.create_task(_read_slowly(slow))
        while not shut.stuck.is_set():
            for one in (shut, slow):
                one.outbox.send(numbered(0, 1_000), subject="a run")
            await asyncio.sleep(PAUSE_SECONDS)  # events keep coming
        assert asyncio.get_running_loop().time() - began < STUCK_SECONDS + 1
        assert not slow.stuck.is_set()
        heard.cancel()


async def _read_slowly(one: Wired) -> None:
    while True:
        await one.heard(1)
        await asyncio.sleep(PAUSE_SECONDS)  # a reader that is slow
