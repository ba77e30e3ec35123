"""The clock of announcements: begun and ended when it is time, told once, whichever worker looks."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import event, text

from app.parts import Parts, open_parts
from app.settings import Settings
from app.working import working
from domain.announcements import EVERYBODY, Announce, Announcement, EndAnnouncement
from domain.commands import execute
from domain.permissions import operator_actor
from engine.announcements import tell_due, tell_for_ever
from tests.engine.crew import until

BOTH = [("announcement.started", 2), ("announcement.ended", 3)]


async def scheduled(parts: Parts, starts: float, ends: float | None = None) -> Announcement:
    """From and until so many seconds after now."""
    now = datetime.now(UTC)
    command = Announce(
        level="info",
        message="Hello",
        starts_at=now + timedelta(seconds=starts),
        ends_at=None if ends is None else now + timedelta(seconds=ends),
    )
    return await execute(parts.database.begin, operator_actor(EVERYBODY), command)


async def told(parts: Parts) -> list[tuple[str, int]]:
    found = await parts.studio.events.after(EVERYBODY, 0, most=1_000)
    return [(envelope.event.event, envelope.event.version) for envelope in found]


async def has_told(parts: Parts, count: int) -> bool:
    return len(await told(parts)) >= count


async def look(parts: Parts) -> None:
    await tell_due(parts.database.begin, parts.studio.announcements)


async def are_due(parts: Parts, count: int = 1) -> bool:
    return len(await parts.studio.announcements.due()) == count


async def all_is_over(parts: Parts) -> bool:
    return await parts.studio.announcements.open() == []


async def test_nothing_is_told_before_its_time(parts: Parts) -> None:
    await scheduled(parts, 3_600, 7_200)
    await look(parts)
    assert await told(parts) == []


async def test_many_who_look_at_once_tell_each_thing_once(parts: Parts) -> None:
    for _ in range(5):
        await scheduled(parts, 0.05)
    await until(partial(are_due, parts, 5))
    await asyncio.gather(*(look(parts) for _ in range(8)))
    assert await told(parts) == [("announcement.started", 2)] * 5


async def test_who_was_away_for_all_of_it_tells_both_in_order(parts: Parts) -> None:
    await scheduled(parts, 0.05, 0.1)
    await until(partial(all_is_over, parts))
    await asyncio.gather(*(look(parts) for _ in range(4)))
    assert await told(parts) == BOTH


async def test_one_that_is_ended_while_its_time_comes_is_told_once(parts: Parts) -> None:
    one = await scheduled(parts, 0.05)
    await until(partial(are_due, parts))
    end = execute(parts.database.begin, operator_actor(EVERYBODY), EndAnnouncement(id=one.id))
    await asyncio.gather(end, *(look(parts) for _ in range(4)))
    assert await told(parts) == BOTH


async def test_the_newest_state_is_what_was_told_of(parts: Parts) -> None:
    await scheduled(parts, 0.05)
    await until(partial(are_due, parts))
    board = parts.studio.announcements
    assert await board.current_with_seq() == ([], 0)  # it is still to be told
    assert len(await board.current()) == 1
    await look(parts)
    (one,), number = await board.current_with_seq()
    assert (one.version, number) == (2, 1)


async def test_any_worker_tells_soon_after_the_time_has_come(settings: Settings, database_url: str) -> None:
    one_worker = settings.model_copy(update={"workers": 1})
    async with open_parts(one_worker, database_url, "http://easel.test") as parts, working(parts), working(parts):
        await scheduled(parts, 0.2, 0.8)
        began = datetime.now(UTC)
        await until(partial(has_told, parts, 2))
        assert await told(parts) == BOTH
        (started, ended) = await parts.studio.events.after(EVERYBODY, 0, most=10)
        assert started.event.occurred_at - began < timedelta(seconds=2.2)
        assert ended.event.occurred_at - began < timedelta(seconds=2.8)


async def test_one_that_cannot_be_told_keeps_none_of_the_later_ones_untold(parts: Parts) -> None:
    first, *_ = [await scheduled(parts, 0.05) for _ in range(3)]
    await until(partial(are_due, parts, 3))
    async with parts.engine.begin() as connection:
        await connection.execute(
            text(f"ALTER TABLE announcements ADD CHECK (started_at IS NULL OR id <> '{first.id}')")
        )
    await look(parts)
    found = await parts.studio.events.after(EVERYBODY, 0, most=10)
    assert len({envelope.event.subject_id for envelope in found} - {first.id}) == len(found) == 2
    assert await are_due(parts)


async def test_the_clock_goes_on_after_a_failure(parts: Parts) -> None:
    await scheduled(parts, 0.05)
    failed = asyncio.Event()
    event.listen(parts.engine.sync_engine, "handle_error", lambda _: failed.set())
    await rename(parts, "announcements", "announcements_away")
    clock = tell_for_ever(parts.database.begin, parts.studio.announcements, every_seconds=0.02)
    task = asyncio.create_task(clock)
    try:
        async with asyncio.timeout(10):
            await failed.wait()
        await rename(parts, "announcements_away", "announcements")
        await until(partial(has_told, parts, 1))
    finally:
        task.cancel()
        await asyncio.wait({task})


async def rename(parts: Parts, table: str, name: str) -> None:
    async with parts.engine.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
