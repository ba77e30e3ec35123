"""Presence, announcements and snapshots over GraphQL: the same as in the plain envelope, typed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.api.talking import Talker, acknowledged
from tests.api.test_announcements import END, announced, key_of
from tests.faults.callers import Caller, Told, told
from tests.protocols.conversing import finish_a_run
from tests.protocols.enveloping import corresponding
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAM = """subscription($channels: [ChannelInput!]!, $after: String) { stream(channels: $channels, after: $after) {
  cursor channel event payload subject {
    __typename
    ... on PresenceSnapshot { projectId members { connectionId subject name state since version } }
    ... on Presence { connectionId subject name state since version }
    ... on Announcement { id message endsAt announced: version }
    ... on Resync { reason cursor }
  }
} }"""
SET = """mutation($state: JSON, $projectId: ID) {
  setPresence(input: {state: $state, projectId: $projectId, clientMutationId: "1"}) { clientMutationId connectionId }
}"""
SNAPSHOT = """query($channels: [ChannelInput!]!, $id: ID) { snapshot(channels: $channels) { cursor query {
  announcements { id }
  project(id: $id) { slug presence { connectionId } runs { nodes { events(first: 100) { nodes { event payload } } } } }
} } }"""
PRESENCE, ANNOUNCEMENTS, RUNS = ({"name": name} for name in ("PRESENCE", "ANNOUNCEMENTS", "RUNS"))


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _all_has_ended(client: Client) -> AsyncIterator[None]:
    yield
    for one in await client.parts.studio.announcements.open():
        await client.ask(END, id=one.id)


async def follow(talker: Talker, *channels: dict[str, Any], after: str | None = None) -> None:
    await talker.ask("s", STREAM, channels=list(channels), after=after)


async def hear(talker: Talker) -> dict[str, Any]:
    """The next event of the stream."""
    message = await talker.hear()
    assert (message["id"], message["type"]) == ("s", "next"), message
    assert "errors" not in message["payload"], message
    event: dict[str, Any] = message["payload"]["data"]["stream"]
    return event


async def set_presence(talker: Talker, state: Any, **more: Any) -> dict[str, Any]:
    await talker.ask("m", SET, state=state, **more)
    answer = await talker.hear()
    while answer.get("id") != "m":
        answer = await talker.hear()
    assert await talker.hear() == {"id": "m", "type": "complete"}
    found: dict[str, Any] = answer["payload"]
    return found


async def test_presence_is_told_typed_and_plain(client: Client) -> None:
    async with acknowledged(client) as watcher, acknowledged(client) as ada:
        await follow(watcher, PRESENCE)
        snapshot = await hear(watcher)
        nobody = {"projectId": client.key.projectId, "members": []}
        assert (snapshot["event"], snapshot["payload"]) == ("presence.snapshot", nobody)
        assert snapshot["subject"] == {"__typename": "PresenceSnapshot", **nobody}
        made = (await set_presence(ada, {"x": 1}))["data"]["setPresence"]
        joined = await hear(watcher)
        assert made == {"clientMutationId": "1", "connectionId": joined["payload"]["connectionId"]}
        here = {name: value for name, value in joined["payload"].items() if name != "projectId"}
        assert (joined["event"], joined["subject"]) == ("presence.joined", {"__typename": "Presence", **here})
        await set_presence(ada, {"x": 2}, projectId=client.key.projectId)
        updated = await hear(watcher)
        assert (updated["event"], updated["subject"]["state"], updated["subject"]["version"]) == (
            "presence.updated",
            {"x": 2},
            2,
        )
        await set_presence(ada, None)
        left = await hear(watcher)
        assert (left["event"], left["subject"], left["cursor"]) == ("presence.left", None, snapshot["cursor"])


async def test_both_protocols_see_each_other(client: Client) -> None:
    async with acknowledged(client) as graphql, corresponding(client) as plain:
        await follow(graphql, PRESENCE)
        await hear(graphql)
        await plain.subscribe("presence")
        await plain.hear()
        await plain.say(type="presence", state={"from": "plain"})
        assert (await hear(graphql))["payload"] == (await plain.hear())["payload"]
        await set_presence(graphql, {"from": "graphql"})
        assert (await plain.hear())["payload"]["state"] == {"from": "graphql"}


async def test_presence_is_a_sockets_own(client: Client) -> None:
    with pytest.raises(GraphQLFailure) as refused:
        await client.ask(SET, state={})
    assert refused.value.code == "VALIDATION_ERROR"


@pytest.mark.parametrize("state", ["here", [], 7, {"x": "x" * 2_041}], ids=["a text", "a list", "a number", "too much"])
async def test_what_is_no_state_is_refused(client: Client, state: Any) -> None:
    async with acknowledged(client) as ada:
        answer = await set_presence(ada, state)
        assert answer["errors"][0]["extensions"]["code"] == "VALIDATION_ERROR"
        assert (await set_presence(ada, {}))["data"]["setPresence"]


async def test_another_tenants_presence_is_not_there(client: Client, spy: Client) -> None:
    async with acknowledged(spy) as stranger:
        await stranger.ask("s", STREAM, channels=[{**PRESENCE, "projectId": client.key.projectId}])
        answer = await stranger.hear()
        (error,) = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
        assert error["extensions"]["code"] == "PROJECT_NOT_FOUND"
        answer = await set_presence_refused(stranger, client.key.projectId)
        assert answer["extensions"]["code"] == "PROJECT_NOT_FOUND"


async def set_presence_refused(talker: Talker, project_id: str) -> dict[str, Any]:
    error: dict[str, Any] = (await set_presence(talker, {}, projectId=project_id))["errors"][0]
    return error


async def test_announcements_are_told_on_joining_and_live(client: Client) -> None:
    first = await announced(client, "one")
    async with acknowledged(client) as one:
        await follow(one, ANNOUNCEMENTS)
        heard = [await hear(one)]
        second = await announced(client, "two")
        heard.append(await hear(one))
        await client.ask(END, id=first["id"])
        ended = await hear(one)
    assert [event["payload"] for event in heard] == [first, second]
    assert [event["subject"]["message"] for event in heard] == ["one", "two"]
    assert (ended["event"], ended["subject"]["id"], ended["subject"]["announced"]) == (
        "announcement.ended",
        first["id"],
        2,
    )
    async with acknowledged(client) as again:
        await follow(again, ANNOUNCEMENTS, after=heard[0]["cursor"])
        assert [await hear(again) for _ in range(2)][1] == ended


async def test_a_snapshot_and_what_follows_its_cursor_have_nothing_between_them(client: Client) -> None:
    caller = Caller(client.http, client.key)
    workflow = await caller.workflow(pictures=0)
    running = [await caller.start(workflow) for _ in range(3)]
    for _ in range(4):
        found = (await client.ask(SNAPSHOT, channels=[RUNS], id=client.key.projectId))["snapshot"]
        runs = found["query"]["project"]["runs"]["nodes"]
        read = {told(event) for run in runs for event in run["events"]["nodes"]}
        running.append(await caller.start(workflow))
        recorded = {told(event) for id_ in running for event in (await caller.finished(id_))["events"]["nodes"]}
        heard: set[Told] = set()
        async with acknowledged(client) as one:
            await follow(one, RUNS, after=found["cursor"])
            while not recorded <= read | heard:
                heard.add(told(await hear(one)))


async def test_a_snapshot_reads_only_what_may_be_read(client: Client, spy: Client) -> None:
    with pytest.raises(GraphQLFailure) as refused:
        await spy.ask(SNAPSHOT, channels=[{**RUNS, "projectId": client.key.projectId}], id=client.key.projectId)
    assert refused.value.code == "PROJECT_NOT_FOUND"
    found = (await spy.ask(SNAPSHOT, channels=[ANNOUNCEMENTS], id=client.key.projectId))["snapshot"]
    assert found["query"]["project"] is None
    async with key_of(client, "runs:read") as narrow:
        with pytest.raises(GraphQLFailure) as refused:
            await narrow.ask(SNAPSHOT, channels=[{**PRESENCE, "projectId": client.key.projectId}], id=None)
    assert refused.value.code == "FORBIDDEN"


async def test_all_three_under_one_cursor(client: Client) -> None:
    channels = (RUNS, PRESENCE, ANNOUNCEMENTS)
    started = await announced(client, "one")
    cursor = (await client.ask(SNAPSHOT, channels=list(channels), id=client.key.projectId))["snapshot"]["cursor"]
    second = await announced(client, "two")
    await finish_a_run(client)
    async with acknowledged(client) as one:
        await follow(one, *channels, after=cursor)
        heard = [await hear(one)]
        while heard[-1]["event"] != "presence.snapshot":
            heard.append(await hear(one))
        messages = [event["payload"]["message"] for event in heard if event["channel"] == "announcements"]
        assert messages == [second["message"]] != [started["message"]]
        assert "run.completed" in {event["event"] for event in heard}
        await asyncio.gather(finish_a_run(client), hear(one))
