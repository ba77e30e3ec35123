"""What is announced to everybody, in the plain envelope."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.api.test_announcements import END, announced, at
from tests.protocols.conversing import finish_a_run
from tests.protocols.enveloping import Correspondent, corresponding
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _all_has_ended(client: Client) -> AsyncIterator[None]:
    """What one test announces is not there for the next."""
    yield
    for one in await client.parts.studio.announcements.open():
        await end(client, one.id)


async def end(client: Client, id: str) -> None:
    await client.ask(END, id=id)


async def hear_of(one: Correspondent, *events: str) -> list[dict[str, Any]]:
    """The payloads of the next events, which are these."""
    heard = [await one.hear() for _ in events]
    assert [event["event"] for event in heard] == list(events)
    assert {event["channel"] for event in heard} == {"announcements"}
    return [event["payload"] for event in heard]


async def test_what_begins_and_ends_is_told_to_every_organization(client: Client, spy: Client) -> None:
    async with corresponding(client) as ours, corresponding(spy) as theirs:
        for one in (ours, theirs):
            await one.subscribe("announcements")
        told = await announced(client)
        await end(client, told["id"])
        for one in (ours, theirs):
            started, ended = await hear_of(one, "announcement.started", "announcement.ended")
            assert started == told
            assert (ended["id"], ended["message"], ended["version"]) == (told["id"], told["message"], 2)
            assert ended["endsAt"]
            await one.hears_nothing_more()


async def test_those_that_hold_are_told_on_subscribing_and_then_no_more(client: Client) -> None:
    first, second = await announced(client, "one"), await announced(client, "two", endsAt=at(hours=1))
    await announced(client, "not yet", startsAt=at(hours=1))
    await end(client, (await announced(client, "over"))["id"])
    async with corresponding(client) as one:
        await one.subscribe("announcements")
        assert await hear_of(one, *["announcement.started"] * 2) == [second, first]
        await one.hears_nothing_more()
        third = await announced(client, "three")
        assert await hear_of(one, "announcement.started") == [third]


async def test_after_a_cursor_comes_what_was_missed_and_nothing_twice(client: Client) -> None:
    first = await announced(client, "one")
    async with corresponding(client) as one:
        await one.subscribe("announcements")
        cursor = (await one.hear())["cursor"]
        second = await announced(client, "two")
        heard = [await one.hear()]
        await end(client, first["id"])
        heard.append(await one.hear())
        for place, after in enumerate([cursor, *(event["cursor"] for event in heard)]):
            await one.subscribe("announcements", id=str(place), after=after)
            assert [await one.hear() for _ in heard[place:]] == [{**e, "id": str(place)} for e in heard[place:]]
        await one.hears_nothing_more()
    assert (heard[0]["payload"], heard[1]["payload"]["id"]) == (second, first["id"])


async def test_with_a_cursor_that_knows_of_none_those_that_hold_are_told(client: Client) -> None:
    told = await announced(client)
    async with corresponding(client) as one:
        cursor = await one.subscribe("runs")
        both = [{"channel": "runs"}, {"channel": "announcements"}]
        await finish_a_run(client)
        missed = await one.hear_until("run.completed")
        await one.say(type="subscribe", id="both", channels=both, after=cursor)
        await one.hear_begin("both")
        assert (await one.hear())["payload"] == told
        again = [await one.hear() for _ in missed]
        assert [event["payload"] for event in again] == [event["payload"] for event in missed]


async def test_what_comes_due_is_told_when_its_time_has_come(client: Client) -> None:
    async with corresponding(client) as one:
        await one.subscribe("announcements")
        told = await announced(client, startsAt=at(seconds=0.3), endsAt=at(seconds=0.6))
        started, ended = await hear_of(one, "announcement.started", "announcement.ended")
        assert started["id"] == ended["id"] == told["id"]
        assert told["version"] < started["version"] < ended["version"]


async def test_cut_off_before_those_that_hold_are_told_one_hears_them_on_resuming(client: Client) -> None:
    first, _ = await announced(client, "one"), await announced(client, "two")
    async with corresponding(client) as one:
        begun = await one.subscribe("announcements")
        heard = [await one.hear() for _ in range(2)]
        for place, after in enumerate([begun, heard[0]["cursor"]]):
            await one.subscribe("announcements", id=str(place), after=after)
            async with asyncio.timeout(3):
                while (await one.hear())["payload"] != first:  # the last of them; the one before may come again
                    pass
