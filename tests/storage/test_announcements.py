"""The events of announcements: numbered without gaps in the order of the commits, and kept apart from projects'."""

import asyncio

from sqlalchemy import text

from app.parts import Parts
from domain.announcements import EVERYBODY, MOST_OPEN, Announce, Announcement, EndAnnouncement
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.events import Envelope
from domain.ids import Id
from domain.permissions import operator_actor
from domain.webhooks import CreateWebhookEndpoint
from tests.studio import tenant

OPERATOR = operator_actor(EVERYBODY)


async def announced(parts: Parts, message: str = "Hello") -> Announcement:
    return await execute(parts.database.begin, OPERATOR, Announce(level="info", message=message))


async def ended(parts: Parts, one: Announcement) -> Announcement:
    return await execute(parts.database.begin, OPERATOR, EndAnnouncement(id=one.id))


async def all_of(parts: Parts) -> list[Envelope]:
    return await parts.studio.events.after(EVERYBODY, 0, most=1_000)


async def test_numbers_have_no_gaps_however_many_announce_at_once(parts: Parts) -> None:
    made = await asyncio.gather(*(announced(parts, str(number)) for number in range(30)))
    await asyncio.gather(*(ended(parts, one) for one in made for _ in range(2)))
    told = await all_of(parts)
    assert [envelope.seq for envelope in told] == list(range(1, 61))
    names = [(envelope.event.event, envelope.event.subject_id) for envelope in told]
    assert sorted(names) == sorted(
        (f"announcement.{change}", one.id) for one in made for change in ("started", "ended")
    )


async def test_however_many_announce_at_once_no_more_are_open_than_may_be(parts: Parts) -> None:
    asked = await asyncio.gather(*(announced(parts, str(n)) for n in range(MOST_OPEN + 10)), return_exceptions=True)
    refused = [one.code for one in asked if isinstance(one, DomainError)]
    assert (len(await parts.studio.announcements.open()), refused) == (MOST_OPEN, [ErrorCode.CONFLICT] * 10)


async def test_whoever_has_read_a_number_never_misses_a_lower_one(parts: Parts) -> None:
    writing = asyncio.gather(*(announced(parts, str(number)) for number in range(30)))
    read: list[int] = []
    while len(read) < 30:
        fresh = await parts.studio.events.after(EVERYBODY, read[-1] if read else 0, most=7)
        read += (envelope.seq for envelope in fresh)
    await writing
    assert read == list(range(1, 31))


async def test_what_is_taken_back_takes_no_number(parts: Parts) -> None:
    await announced(parts)
    async with parts.engine.connect() as connection:
        await connection.execute(text("UPDATE announcement_sequence SET seq = seq + 1"))  # which is taken back
    await announced(parts)
    assert [envelope.seq for envelope in await all_of(parts)] == [1, 2]


async def test_the_end_is_asked_with_that_of_projects_and_begins_at_nothing(parts: Parts) -> None:
    one, log = await tenant(parts), parts.studio.events
    assert await log.newest([EVERYBODY]) == {EVERYBODY: 0}
    await announced(parts)
    assert await log.newest([EVERYBODY, one.project_id]) == {EVERYBODY: 1, one.project_id: 0}
    assert await log.newest([one.project_id]) == {one.project_id: 0}
    assert await log.after(one.project_id, 0, most=10) == []


async def test_an_envelope_reads_as_it_was_told(parts: Parts) -> None:
    heard: list[Envelope] = []
    object.__setattr__(parts.database, "tell", heard.extend)
    command = Announce(level="critical", message="🎬 Hello", client_mutation_id="mine-1")
    one = await execute(parts.database.begin, OPERATOR, command)
    assert heard == await all_of(parts)
    (envelope,) = heard
    assert (envelope.event.subject_id, envelope.client_mutation_id) == (one.id, "mine-1")
    assert envelope.event.payload["message"] == "🎬 Hello"


async def test_webhooks_of_all_events_are_told_nothing(parts: Parts) -> None:
    one = await tenant(parts)
    await one.do(CreateWebhookEndpoint(project_id=one.project_id, url="https://hooks.easel.test/easel"))
    await announced(parts)
    async with parts.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM webhook_deliveries"))).scalar_one() == 0


async def test_what_holds_comes_with_the_number_that_it_is_continued_from(parts: Parts) -> None:
    board = parts.studio.announcements
    assert await board.current_with_seq() == ([], 0)
    first = await announced(parts, "first")
    await announced(parts, "second")
    await ended(parts, first)
    found, number = await board.current_with_seq()
    assert ([one.message for one in found], number) == (["second"], 3)


async def test_that_number_and_what_holds_are_of_one_moment(parts: Parts) -> None:
    """Whoever reads both while others announce finds in what follows just what was not in it."""
    writing = asyncio.gather(*(announced(parts, str(number)) for number in range(40)))
    while not writing.done():
        found, number = await parts.studio.announcements.current_with_seq()
        assert len(found) == number
    await writing


async def test_an_id_that_is_none_finds_no_project_of_everybody(parts: Parts) -> None:
    await announced(parts)
    assert await parts.studio.events.after(Id("x"), 0, most=10) == []
