"""Who is present, in the plain envelope: as it is on joining, then each change."""

import asyncio
from typing import Any

import pytest

from domain.ids import Id, new_id
from tests.api.people import set_member
from tests.api.test_announcements import key_of
from tests.protocols.conversing import GONE_ON, finish_a_run, say
from tests.protocols.enveloping import Correspondent, connected, corresponding, refused
from tests.protocols.test_envelope import organization_of, token_of
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES_PER_SECOND = 10


async def watched(client: Client, one: Correspondent) -> list[dict[str, Any]]:
    """Who is present in the project when one begins to watch it."""
    await one.subscribe("presence")
    snapshot = await one.hear()
    assert (snapshot["event"], snapshot["payload"]["projectId"]) == ("presence.snapshot", client.key.projectId)
    members: list[dict[str, Any]] = snapshot["payload"]["members"]
    return members


async def here(client: Client, one: Correspondent, **state: Any) -> str:
    """The connection of one who says where they are, once it is known."""
    connection: str = (await one.authenticate())["connectionId"]
    await one.say(type="presence", state=state)
    async with asyncio.timeout(10):
        while connection not in {each.connection_id for each in await of(client)}:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    return connection


async def of(client: Client) -> list[Any]:
    return await client.parts.studio.rooms.of(Id(client.key.projectId))


async def test_who_comes_changes_and_leaves_is_told_to_all_who_watch(client: Client) -> None:
    async with corresponding(client) as watcher, corresponding(client) as ada:
        assert await watched(client, watcher) == []
        connection = (await ada.authenticate())["connectionId"]
        await ada.say(type="presence", state={"node": "prompt"})
        joined = await watcher.hear()
        assert (joined["id"], joined["channel"], joined["event"]) == ("presence", "presence", "presence.joined")
        assert joined["payload"] == {
            "projectId": client.key.projectId,
            "connectionId": connection,
            "subject": joined["payload"]["subject"],
            "name": "Development",
            "state": {"node": "prompt"},
            "since": joined["payload"]["since"],
            "version": 1,
        }
        await ada.say(type="presence", projectId=client.key.projectId, state={"node": "picture"})
        updated = await watcher.hear()
        assert updated["event"] == "presence.updated"
        assert updated["payload"] == {**joined["payload"], "state": {"node": "picture"}, "version": 2}
        await ada.say(type="presence", state=None)
        left = await watcher.hear()
        assert left["event"] == "presence.left"
        assert left["payload"] == {"projectId": client.key.projectId, "connectionId": connection}
        await watcher.hears_nothing_more()


async def test_a_person_is_told_by_subject_and_name(client: Client) -> None:
    await set_member(client, "ada", "VIEWER", name="Ada")
    token = token_of(client, await organization_of(client))
    async with corresponding(client) as watcher, connected(client) as ada:
        await watched(client, watcher)
        await ada.authenticate(token=token)
        await ada.say(type="presence", state={})
        assert (await watcher.hear())["payload"]["subject"] == "ada"


async def test_whoever_joins_is_told_who_is_there_in_the_order_they_came(client: Client) -> None:
    async with corresponding(client) as ada, corresponding(client) as bob, corresponding(client) as watcher:
        first, second = await here(client, ada), await here(client, bob, at=2)
        members = await watched(client, watcher)
        assert [one["connectionId"] for one in members] == [first, second]
        assert [one["state"] for one in members] == [{}, {"at": 2}]


async def test_one_who_watches_may_be_present_on_the_same_socket(client: Client) -> None:
    async with corresponding(client) as one:
        assert await watched(client, one) == []
        connection = await here(client, one)
        assert (await one.hear())["payload"]["connectionId"] == connection


async def test_who_hangs_up_leaves_and_who_ends_a_subscription_stays(client: Client) -> None:
    async with corresponding(client) as watcher:
        await watched(client, watcher)
        async with corresponding(client) as ada:
            connection = await here(client, ada)
            assert (await watcher.hear())["event"] == "presence.joined"
            await ada.subscribe("presence")
            await ada.unsubscribe("presence")
            await ada.hears_nothing_more()
            await watcher.hears_nothing_more()
        left = await watcher.hear()
        assert (left["event"], left["payload"]["connectionId"]) == ("presence.left", connection)


async def test_of_what_is_said_too_often_ten_a_second_are_told_and_the_newest_at_last(client: Client) -> None:
    async with corresponding(client) as watcher, corresponding(client) as ada:
        await watched(client, watcher)
        began, heard = asyncio.get_running_loop().time(), list[dict[str, Any]]()
        for number in range(200):
            await ada.say(type="presence", state={"x": number})
        while not heard or heard[-1]["payload"]["state"] != {"x": 199}:
            heard.append(await watcher.hear())
        seconds = asyncio.get_running_loop().time() - began
        assert len(heard) <= 2 + CHANGES_PER_SECOND * seconds
        numbers = [event["payload"]["state"]["x"] for event in heard]
        assert numbers == sorted(set(numbers))
        assert [event["event"] for event in heard] == ["presence.joined"] + ["presence.updated"] * (len(heard) - 1)
        await watcher.hears_nothing_more()


async def test_who_says_the_same_again_is_not_told_again(client: Client) -> None:
    async with corresponding(client) as watcher, corresponding(client) as ada:
        await watched(client, watcher)
        for state in ({"x": 1}, {"x": 1}, {"x": 1}, {"x": 2}):
            await ada.say(type="presence", state=state)
        assert [(await watcher.hear())["payload"]["state"] for _ in range(2)] == [{"x": 1}, {"x": 2}]


async def test_a_state_of_2_kib_is_told(client: Client) -> None:
    whole = {"x": "x" * 2_040}
    async with corresponding(client) as watcher, corresponding(client) as ada:
        await watched(client, watcher)
        await ada.say(type="presence", state=whole)
        assert (await watcher.hear())["payload"]["state"] == whole


async def test_who_may_not_read_the_project_is_not_present_in_it(client: Client, spy: Client) -> None:
    said = say(type="presence", projectId=client.key.projectId, state={})
    async with key_of(client, "runs:read") as narrow, corresponding(client, narrow.http.headers["x-api-key"]) as one:
        for step in (said, refused("FORBIDDEN"), *GONE_ON):
            await step(one, client)
    async with corresponding(spy) as one:
        await one.say(type="presence", projectId=client.key.projectId, state={})
        await refused("PROJECT_NOT_FOUND")(one, spy)
        await one.say(type="presence", projectId=new_id(), state=None)
        await refused("PROJECT_NOT_FOUND")(one, spy)
    assert await of(client) == []


async def test_events_of_another_project_s_presence_do_not_come(client: Client, spy: Client) -> None:
    async with corresponding(client) as watcher, corresponding(spy) as stranger:
        await watched(client, watcher)
        await here(spy, stranger)
        await watcher.hears_nothing_more()


async def test_presence_repeats_the_cursor_of_what_is_recorded(client: Client) -> None:
    both = [{"channel": "runs"}, {"channel": "presence"}]
    async with corresponding(client) as watcher, corresponding(client) as ada:
        await watcher.say(type="subscribe", id="both", channels=both)
        cursor = await watcher.hear_begin("both")
        assert (await watcher.hear())["cursor"] == cursor
        await ada.say(type="presence", state={})
        assert (await watcher.hear())["cursor"] == cursor
        await finish_a_run(client)
        ended = (await watcher.hear_until("run.completed"))[-1]
        await ada.say(type="presence", state=None)
        assert (await watcher.hear())["cursor"] == ended["cursor"] != cursor
        await watcher.say(type="subscribe", id="again", channels=both, after=cursor)
        assert await watcher.hear_begin("again") == cursor
        names = [event["event"] for event in await watcher.hear_until("presence.snapshot")]
        assert names[-2:] == ["run.completed", "presence.snapshot"]
