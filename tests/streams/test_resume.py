"""A cursor continues exactly behind its event, or says that it cannot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from broadcaster import Broadcast
from sqlalchemy import text

from app.parts import Parts
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from resolvers.streams import Usher
from streams.envelope.messages import Wanted
from streams.feeds.cursors import Cursors
from streams.feeds.deliveries import Deliveries
from streams.feeds.hub import Hub
from tests.streams.following import EVENTS_OF_A_CANCELED_RUN, Audience, after_each, canceled_run, following
from tests.studio import Tenant, tenant


async def _forget(one: Tenant, up_to: int) -> None:
    """Trim the project's history."""
    async with one.parts.engine.begin() as connection:
        statement = text("DELETE FROM events WHERE project_id = :id AND seq <= :seq")
        await connection.execute(statement, {"id": one.project_id, "seq": up_to})


def _seqs(parts: Parts, project_id: Id, cursors: list[str]) -> list[int]:
    return [parts.studio.cursors.read(cursor)[project_id] for cursor in cursors]


async def test_cut_at_each_event_nothing_is_missed_and_nothing_repeated(parts: Parts) -> None:
    one = await tenant(parts)
    async with following(parts, {one.project_id: None}) as listener:
        for _ in range(3):
            await canceled_run(one)
        whole = list(await listener.has(21))
    assert [delivery.event for delivery in whole] == EVENTS_OF_A_CANCELED_RUN * 3
    parted = await after_each(parts, one.project_id, [delivery.cursor for delivery in whole], 21)
    for place, rest in enumerate(parted, 1):
        assert [*whole[:place], *rest] == whole


async def test_of_one_run_only_its_own_events_are_told_and_its_cursor_resumes(parts: Parts) -> None:
    one = await tenant(parts)
    async with following(parts, {one.project_id: None}) as everything:
        runs = [await canceled_run(one) for _ in range(3)]
        whole = list(await everything.has(21))
    start = parts.studio.cursors.write({one.project_id: 0})
    audience = {one.project_id: frozenset({runs[1].id})}
    async with following(parts, audience, start) as listener:
        assert await listener.has(7) == whole[7:14]
    async with following(parts, audience, whole[9].cursor) as listener:
        assert await listener.has(4) == whole[10:14]


async def test_two_projects_share_one_cursor(parts: Parts) -> None:
    one, other = await tenant(parts), await tenant(parts, project="shop")
    audience = {one.project_id: None, other.project_id: None}
    async with following(parts, audience) as listener:
        for each in (one, other, one):
            await canceled_run(each)
        whole = list(await listener.has(21))
    for place, cut in enumerate(whole[:20], 1):
        async with following(parts, audience, cut.cursor) as listener:
            rest = list(await listener.has(21 - place))
        for each in (one, other):
            of_each = [d.payload for d in [*whole[:place], *rest] if d.payload.get("projectId") == each.project_id]
            assert of_each == [d.payload for d in whole if d.payload.get("projectId") == each.project_id]


@pytest.mark.parametrize("cursor", ["", "x", "é", "🙂", "AAAA" * 10, "A" * 10_000])
async def test_a_forged_cursor_has_expired(parts: Parts, cursor: str) -> None:
    one = await tenant(parts)
    with pytest.raises(DomainError) as refused:
        await Usher(parts.studio).channels(one.actor, [Wanted("runs", one.project_id)], cursor)
    assert (refused.value.code, refused.value.details["field"]) == (ErrorCode.CURSOR_EXPIRED, "after")


async def test_a_cursor_of_another_server_has_expired(parts: Parts) -> None:
    one = await tenant(parts)
    foreign = Cursors(b"x" * 32).write({one.project_id: 1})
    with pytest.raises(DomainError) as refused:
        await Usher(parts.studio).channels(one.actor, [Wanted("runs", one.project_id)], foreign)
    assert refused.value.code is ErrorCode.CURSOR_EXPIRED


async def test_a_cursor_of_other_channels_is_told_to_start_over(parts: Parts) -> None:
    one, other = await tenant(parts), await tenant(parts, project="shop")
    await canceled_run(one)
    async with following(parts, {other.project_id: None}) as listener:
        await canceled_run(other)
        cursor = (await listener.has(1))[0].cursor
    both: Audience = {one.project_id: None, other.project_id: None}
    async with following(parts, both, cursor) as listener:
        await listener.has(1)
        await canceled_run(one)
        of_other = EVENTS_OF_A_CANCELED_RUN[1:]
        await listener.has(1 + len(of_other) + 7)
    assert listener.events[0] == "resync"
    assert sorted(listener.events[1:]) == sorted([*of_other, *EVENTS_OF_A_CANCELED_RUN])


async def test_what_is_no_longer_kept_is_said_and_the_rest_follows(parts: Parts) -> None:
    one = await tenant(parts)
    async with following(parts, {one.project_id: None}) as listener:
        for _ in range(2):
            await canceled_run(one)
        whole = list(await listener.has(14))
    await _forget(one, up_to=5)
    async with _unheard(parts) as elsewhere, following(elsewhere, {one.project_id: None}, whole[1].cursor) as listener:
        resync, *rest = await listener.has(10)
    assert (resync.event, rest) == ("resync", whole[5:])
    async with following(parts, {one.project_id: None}, resync.cursor) as listener:
        assert await listener.has(9) == whole[5:]


@asynccontextmanager
async def _unheard(parts: Parts) -> AsyncIterator[Parts]:
    """The same studio as seen by a process that no bus reaches."""
    async with Broadcast("memory://") as silence:
        hub = Hub(silence, parts.studio.events, check_seconds=60)
        deliveries = Deliveries(hub, parts.studio.cursors)
        yield replace(parts, studio=replace(parts.studio, hub=hub, deliveries=deliveries))


async def test_where_all_history_is_gone_the_cursor_of_the_resync_goes_on_live(parts: Parts) -> None:
    one = await tenant(parts)
    start = parts.studio.cursors.write({one.project_id: 1})
    await canceled_run(one)
    await _forget(one, up_to=7)
    async with _unheard(parts) as elsewhere, following(elsewhere, {one.project_id: None}, start) as listener:
        (resync,) = await listener.has(1)
    await canceled_run(one)
    async with following(parts, {one.project_id: None}, resync.cursor) as listener:
        assert [delivery.event for delivery in await listener.has(7)] == EVENTS_OF_A_CANCELED_RUN
    assert (resync.event, _seqs(parts, one.project_id, [resync.cursor])) == ("resync", [7])


async def test_a_cursor_ahead_of_a_restored_database_is_told_to_start_over(parts: Parts) -> None:
    one = await tenant(parts)
    await canceled_run(one)
    ahead = parts.studio.cursors.write({one.project_id: 999})
    async with following(parts, {one.project_id: None}, ahead) as listener:
        await listener.has(1)
        await canceled_run(one)
        assert ["resync", *EVENTS_OF_A_CANCELED_RUN] == [delivery.event for delivery in await listener.has(8)]
