"""What every object store promises."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ports import ObjectStore
from storage.objects.files import FileObjects
from storage.objects.s3 import S3Objects

Objects = FileObjects | S3Objects

BIG = os.urandom(20 * 1024 * 1024)
KEYS = ["a", "a/b/c.png", "A-1_b.c/..d/...", "x" * 255, "/".join(["x" * 127] * 4) + "y"]
HOSTILE_KEYS = [
    *("", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/./b", "../a", "a/../b", "a/.."),
    *("/etc/passwd", "a\\b", "a b", "a\n", "a\0b", "a+b", "+incoming/a", "%2e%2e/a", "a?b", "a#b", "~", "ä", "\ud800"),
    *("x" * 256, "/".join(["x" * 127] * 4) + "yy", "a/" * 255 + "abc"),
]
CALLS: list[Callable[[Objects, str], Awaitable[object]]] = [
    lambda objects, key: objects.put(key, b"1", "image/png"),
    lambda objects, key: objects.get(key),
    lambda objects, key: anext(objects.stream(key)),
    lambda objects, key: objects.delete(key),
    lambda objects, key: objects.presigned_url(key, expires_seconds=60),
    lambda objects, key: objects.presigned_put(key, "image/png", 1, expires_seconds=60),
    lambda objects, key: objects.get_up_to(key, 1),
]


def batched(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(keys)
    while batch := list(islice(left, size)):
        yield batch


def wait_for_descriptors(at_most: int) -> None:
    deadline = time.monotonic() + 10
    while open_descriptors() > at_most:
        assert time.monotonic() < deadline, "streams left half-way stay open"


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def test_each_store_is_an_object_store(objects: Objects) -> None:
    store: ObjectStore = objects
    await store.put("a", b"1", "image/png")
    assert await store.get("a") == b"1"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("data", [b"", b"\0\xff", b"x" * 300_000])
async def test_what_was_put_is_got_and_streamed(objects: Objects, key: str, data: bytes) -> None:
    await objects.put(key, data, "image/png")
    assert await objects.get(key) == data
    assert b"".join([chunk async for chunk in objects.stream(key)]) == data


async def test_a_big_object_is_streamed_in_small_chunks(objects: Objects) -> None:
    await objects.put("big", BIG, "image/png")
    chunks = [chunk async for chunk in objects.stream("big")]
    assert b"".join(chunks) == BIG
    assert max(map(len, chunks)) <= 256 * 1024


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 1), (7, 8), (5, None), (299_999, 300_000), (1, 262_146)])
async def test_a_part_is_streamed_and_nothing_beyond_it(objects: Objects, start: int, end: int | None) -> None:
    data = os.urandom(300_000)
    await objects.put("a", data, "image/png")
    assert b"".join([chunk async for chunk in objects.stream("a", start, end)]) == data[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, None), (0, 0), (5, 5), (5, 4)])
async def test_a_part_that_cannot_be_is_invalid(objects: Objects, start: int, end: int) -> None:
    with pytest.raises(InvalidInput):
        await anext(objects.stream("a", start, end))


async def test_all_objects_are_told_with_their_size_and_time(objects: Objects) -> None:
    for key in ("a", "b/c.png", "b/d/e"):
        await objects.put(key, b"x" * len(key), "image/png")
    found = {one.key: one for page in [page async for page in objects.walk()] for one in page}
    assert {key: one.size for key, one in found.items()} == {"a": 1, "b/c.png": 7, "b/d/e": 5}
    now = datetime.now(UTC)
    assert all(abs((now - one.modified_at).total_seconds()) < 60 for one in found.values())


async def test_many_objects_are_told_in_pages(objects: Objects) -> None:
    keys = {f"many/{number}" for number in range(1_100)}
    for batch in batched(keys, 100):
        await asyncio.gather(*(objects.put(key, b"1", "image/png") for key in batch))
    pages = [[one.key for one in page] async for page in objects.walk()]
    assert max(map(len, pages)) <= 1_000
    assert sorted(key for page in pages for key in page) == sorted(keys)


async def test_an_empty_store_tells_of_nothing(objects: Objects) -> None:
    assert [page async for page in objects.walk()] == []


async def test_more_streams_than_there_are_threads_all_come_to_their_end(objects: Objects) -> None:
    await objects.put("a", BIG[:600_000], "image/png")

    async def read() -> int:
        return sum([len(chunk) async for chunk in objects.stream("a")])

    assert set(await asyncio.gather(*(read() for _ in range(200)))) == {600_000}


async def test_of_a_large_object_no_more_is_read_than_shows_that_it_is(objects: Objects) -> None:
    await objects.put("big", BIG, "image/png")
    assert await objects.get_up_to("big", 1_000) == BIG[:1_001]
    assert await objects.get_up_to("big", len(BIG)) == BIG
    with pytest.raises(DomainError, match="no object"):
        await objects.get_up_to("never", 1_000)


async def test_a_key_put_again_has_the_new_bytes(objects: Objects) -> None:
    await objects.put("a", b"long before", "image/png")
    await objects.put("a", b"now", "image/png")
    assert await objects.get("a") == b"now"


async def test_a_reader_sees_the_old_or_the_new_bytes_and_nothing_between(objects: Objects) -> None:
    async def overwrite() -> None:
        for number in range(20):
            await objects.put("a", bytes([number]) * 1_000_000, "image/png")

    seen: set[bytes] = set()
    await objects.put("a", b"\0" * 1_000_000, "image/png")
    writing = asyncio.create_task(overwrite())
    while not writing.done():
        seen |= {await objects.get("a"), b"".join([chunk async for chunk in objects.stream("a")])}
    await writing
    assert len(seen) > 1
    assert all(data == data[:1] * 1_000_000 for data in seen)


async def test_fifty_puts_at_once_are_all_kept(objects: Objects) -> None:
    bodies = {f"many/{number}": os.urandom(10_000) for number in range(50)}
    await asyncio.gather(*(objects.put(key, data, "image/png") for key, data in bodies.items()))
    assert await asyncio.gather(*map(objects.get, bodies)) == list(bodies.values())


async def test_what_is_not_there_is_not_found(objects: Objects) -> None:
    await objects.put("a/b", b"1", "image/png")
    for missing in ("c", "a", "a/b/c"):
        with pytest.raises(DomainError) as got:
            await objects.get(missing)
        with pytest.raises(DomainError) as streamed:
            await anext(objects.stream(missing))
        assert (got.value.code, streamed.value.code) == (ErrorCode.NOT_FOUND, ErrorCode.NOT_FOUND)


async def test_deleting_twice_is_deleting_once(objects: Objects) -> None:
    await objects.put("a/b", b"1", "image/png")
    await objects.put("a/c", b"2", "image/png")
    for key in ("a/b", "a/b", "a", "a/c/d", "never"):
        await objects.delete(key)
    with pytest.raises(DomainError, match="no object"):
        await objects.get("a/b")
    assert await objects.get("a/c") == b"2"


async def test_streams_left_half_way_hold_nothing_back(objects: Objects) -> None:
    await objects.put("big", BIG, "image/png")
    before = open_descriptors()
    for _ in range(40):
        async with aclosing(objects.stream("big")) as chunks:
            assert BIG.startswith(await anext(chunks))
    await asyncio.to_thread(wait_for_descriptors, before)
    assert await objects.get("big") == BIG


@pytest.mark.parametrize("key", HOSTILE_KEYS)
async def test_a_hostile_key_is_refused_by_every_method(objects: Objects, key: str) -> None:
    for call in CALLS:
        with pytest.raises(InvalidInput, match="Invalid object key"):
            await call(objects, key)


async def test_more_than_the_store_can_queue_is_refused_at_once(objects: Objects) -> None:
    puts = [objects.put(f"many/{number}", b"1", "image/png") for number in range(300)]
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    refusals = [outcome for outcome in outcomes if outcome is not None]
    assert 0 < len(refusals) < 300
    assert all(isinstance(refusal, DomainError) and refusal.code == ErrorCode.UNAVAILABLE for refusal in refusals)
    assert await objects.get("many/0") == b"1"
