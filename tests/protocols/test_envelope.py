"""The plain envelope, sentence by sentence: objects of JSON over a socket, for those who do without GraphQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.api.talking import Talker, talking
from tests.protocols.conversing import GONE_ON, Step, closes, converse, finish_a_run, hear, say
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVELOPE = ["easel.v1"]
MEMBERS_OF_AN_EVENT = {"id", "channel", "event", "payload", "cursor", "clientMutationId", "traceId", "occurredAt"}


async def authenticated(talker: Talker, client: Client) -> None:
    await talker.say(type="auth", apiKey=client.key.apiKey)
    told = await talker.hear()
    assert told.keys() == {"type", "connectionId", "expiresAt"}, told
    assert (told["type"], told["expiresAt"]) == ("authenticated", None)


def subscribe(**named: Any) -> Step:
    """Subscribed, at a cursor."""

    async def subscribed(talker: Talker, client: Client) -> None:
        await talker.say(type="subscribe", **named)
        told = await talker.hear()
        assert told.keys() == {"type", "id", "cursor"}, told
        assert (told["type"], told["id"]) == ("subscribed", named.get("id", named.get("channel")))
        assert told["cursor"]

    return subscribed


def wrong(code: str, field: str | None = None, id: str | None = None) -> Step:
    """An error of this code, about this member of the message with this id, with its sentence and its trace."""

    async def told(talker: Talker, client: Client) -> None:
        message = await talker.hear()
        assert message["type"] == "error", message
        assert message.keys() == ({"type", "error"} if id is None else {"type", "id", "error"}), message
        assert message.get("id") == id
        error = message["error"]
        assert (error["code"], error.get("field")) == (code, field), message
        assert error["message"]
        assert len(error["traceId"]) == 32

    return told


async def a_run(talker: Talker, client: Client) -> None:
    await finish_a_run(client)


def hear_of_it(*ids: str) -> Step:
    """Each of the subscriptions hears of a run to its end."""

    async def heard(talker: Talker, client: Client) -> None:
        awaited = set(ids)
        while awaited:
            event = await talker.hear()
            assert event.keys() == MEMBERS_OF_AN_EVENT, event
            assert (event["id"] in ids, event["channel"]) == (True, "runs"), event
            if event["event"] == "run.completed":
                assert event["payload"]["status"] == "SUCCEEDED"
                awaited.remove(event["id"])

    return heard


TOO_EARLY: dict[str, Step] = {
    "a subscription": say(type="subscribe", channel="runs"),
    "the end of one": say(type="unsubscribe", id="runs"),
    "presence": say(type="presence", state={}),
}
MALFORMED: dict[str, str | bytes] = {
    "a list": "[]",
    "null": "null",
    "a number": "1",
    "no JSON": "{",
    "nothing": "",
    "two messages": '{"type":"ping"}{"type":"ping"}',
    "deep arrays": "[" * 60_000,
    "no type": "{}",
    "a type that is a number": '{"type":1}',
    "binary": b'{"type":"ping"}',
    "binary that is no text": b"\xff\xfe",
}
WRONG: dict[str, tuple[dict[str, Any], Step]] = {
    "an unknown type": ({"type": "publish"}, wrong("VALIDATION_ERROR", "type")),
    "an unknown type with an id": ({"type": "publish", "id": "1"}, wrong("VALIDATION_ERROR", "type", "1")),
    "a GraphQL introduction": ({"type": "connection_init"}, wrong("VALIDATION_ERROR", "type")),
    "no channel": ({"type": "subscribe", "id": "1"}, wrong("VALIDATION_ERROR", "channel", "1")),
    "an unknown channel": (
        {"type": "subscribe", "id": "1", "channel": "news"},
        wrong("VALIDATION_ERROR", "channel", "1"),
    ),
    "a channel in capitals": ({"type": "subscribe", "channel": "RUNS"}, wrong("VALIDATION_ERROR", "channel")),
    "a channel that is a list": (
        {"type": "subscribe", "id": "1", "channel": []},
        wrong("VALIDATION_ERROR", "channel", "1"),
    ),
    "an empty id": ({"type": "subscribe", "id": "", "channel": "runs"}, wrong("VALIDATION_ERROR", "id")),
    "an id of 129": ({"type": "subscribe", "id": "x" * 129, "channel": "runs"}, wrong("VALIDATION_ERROR", "id")),
    "an id that is a number": ({"type": "subscribe", "id": 1, "channel": "runs"}, wrong("VALIDATION_ERROR", "id")),
    "a cursor that is a number": (
        {"type": "subscribe", "id": "1", "channel": "runs", "after": 1},
        wrong("VALIDATION_ERROR", "after", "1"),
    ),
    "a cursor of nobody": (
        {"type": "subscribe", "id": "1", "channel": "runs", "after": "x"},
        wrong("CURSOR_EXPIRED", "after", "1"),
    ),
    "a project that is a number": (
        {"type": "subscribe", "id": "1", "channel": "runs", "projectId": 1},
        wrong("VALIDATION_ERROR", "projectId", "1"),
    ),
    "channels that are a text": (
        {"type": "subscribe", "id": "1", "channels": "runs"},
        wrong("VALIDATION_ERROR", "channels", "1"),
    ),
    "channels that are texts": (
        {"type": "subscribe", "id": "1", "channels": ["runs"]},
        wrong("VALIDATION_ERROR", "channels", "1"),
    ),
    "no channels": ({"type": "subscribe", "id": "1", "channels": []}, wrong("VALIDATION_ERROR", "channels", "1")),
    "51 channels": (
        {"type": "subscribe", "id": "1", "channels": [{"channel": "runs"}] * 51},
        wrong("VALIDATION_ERROR", "channels", "1"),
    ),
    "a state that is a text": ({"type": "presence", "state": "x"}, wrong("VALIDATION_ERROR", "state")),
    "a state over 2 KiB": ({"type": "presence", "state": {"x": "x" * 2_048}}, wrong("VALIDATION_ERROR", "state")),
}
NOT_THERE: dict[str, tuple[dict[str, Any], str]] = {
    "a project": ({"channel": "runs", "projectId": "x"}, "PROJECT_NOT_FOUND"),
    "a project's presence": ({"channel": "presence", "projectId": "x"}, "PROJECT_NOT_FOUND"),
    "a run": ({"channel": "runs", "runId": "x"}, "RUN_NOT_FOUND"),
    "a run among others": ({"channels": [{"channel": "runs"}, {"channel": "runs", "runId": "x"}]}, "RUN_NOT_FOUND"),
}
PINGS: dict[str, tuple[Step, ...]] = {
    "without a payload": (say(type="ping"), hear(type="pong")),
    "with an object": (say(type="ping", payload={"at": [7]}), hear(type="pong", payload={"at": [7]})),
    "beside an unasked pong": (say(type="pong"), say(type="pong", payload=1), say(type="ping"), hear(type="pong")),
}


async def speak(client: Client, *steps: Step) -> None:
    await converse(client, *steps, subprotocols=ENVELOPE, additional_headers={})


@pytest.mark.parametrize("step", TOO_EARLY.values(), ids=TOO_EARLY)
async def test_who_asks_before_saying_who_they_are_is_closed_with_4401(client: Client, step: Step) -> None:
    await speak(client, step, closes(4401))
    await speak(client, *GONE_ON, step, closes(4401))


@pytest.mark.parametrize("said", [{}, {"apiKey": "x"}, {"apiKey": 1}, {"token": "x.y.z"}, {"token": []}], ids=str)
async def test_who_is_not_known_is_closed_with_4403(client: Client, said: dict[str, Any]) -> None:
    await speak(client, say(type="auth", **said), closes(4403))


async def test_a_key_may_be_in_the_handshake(client: Client) -> None:
    await converse(client, subscribe(channel="runs"), a_run, hear_of_it("runs"), subprotocols=ENVELOPE)
    await converse(client, say(type="auth", apiKey=client.key.apiKey), _authenticated, subprotocols=ENVELOPE)


async def _authenticated(talker: Talker, client: Client) -> None:
    assert (await talker.hear())["type"] == "authenticated"


async def test_who_they_are_is_said_again_on_an_open_socket(client: Client) -> None:
    following = (subscribe(channel="runs"), authenticated, a_run, hear_of_it("runs"))
    await speak(client, authenticated, authenticated, *following)
    await speak(client, authenticated, say(type="auth", apiKey="x"), closes(4403))


@pytest.mark.parametrize("steps", PINGS.values(), ids=PINGS)
async def test_a_ping_is_answered_at_any_time(client: Client, steps: tuple[Step, ...]) -> None:
    await speak(client, *steps, authenticated, *steps, subscribe(channel="runs"), *steps)


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_message_is_an_error_and_the_socket_stays(client: Client, frame: str | bytes) -> None:
    await speak(client, authenticated, say(frame), wrong("VALIDATION_ERROR"), *GONE_ON)


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
async def test_what_is_wrong_in_a_message_is_named_and_the_socket_stays(
    client: Client, row: tuple[dict[str, Any], Step]
) -> None:
    message, answer = row
    rest = (subscribe(channel="runs"), a_run, hear_of_it("runs"))
    await speak(client, authenticated, say(**message), answer, *GONE_ON, *rest)


@pytest.mark.parametrize("row", NOT_THERE.values(), ids=NOT_THERE)
async def test_what_is_not_there_is_not_followed_and_its_id_is_free(
    client: Client, row: tuple[dict[str, Any], str]
) -> None:
    wanted, code = row
    field = f"channels.{'runId' if code == 'RUN_NOT_FOUND' else 'projectId'}"
    refused = (say(type="subscribe", id="1", **wanted), wrong(code, field, "1"))
    await speak(client, authenticated, *refused, *refused, subscribe(id="1", channel="runs"))


async def test_a_frame_over_64_kib_is_closed_with_1009(client: Client) -> None:
    await speak(client, authenticated, say("x" * 65_537), closes(1009))


async def test_an_id_in_use_is_told_and_what_it_names_goes_on(client: Client) -> None:
    again = (say(type="subscribe", channel="runs"), wrong("CONFLICT", "id"))
    named = (
        subscribe(id="1", channel="runs"),
        say(type="subscribe", id="1", channel="runs"),
        wrong("CONFLICT", "id", "1"),
    )
    await speak(client, authenticated, subscribe(channel="runs"), *again, *named, a_run, hear_of_it("runs", "1"))


async def test_nothing_comes_after_the_end_of_a_subscription(client: Client) -> None:
    both = (subscribe(channel="runs"), subscribe(id="x" * 128, channel="runs"), a_run, hear_of_it("runs", "x" * 128))
    by_channel = (say(type="unsubscribe", channel="runs"), hear(type="unsubscribed", id="runs"))
    rest = (a_run, hear_of_it("x" * 128), *GONE_ON)
    by_id = (say(type="unsubscribe", id="x" * 128), hear(type="unsubscribed", id="x" * 128))
    nothing = (a_run, *GONE_ON, say(type="unsubscribe", id="1"), wrong("NOT_FOUND", "id", "1"))
    await speak(client, authenticated, *both, *by_channel, *rest, *by_id, *nothing)


@asynccontextmanager
async def in_the_envelope(client: Client) -> AsyncIterator[Talker]:
    async with talking(client, subprotocols=ENVELOPE) as talker:
        await authenticated(talker, client)
        yield talker


async def _of_a_run(talker: Talker) -> list[dict[str, Any]]:
    events = [await talker.hear()]
    while events[-1]["event"] != "run.completed":
        events.append(await talker.hear())
    return events


async def test_between_the_cursor_of_a_subscription_and_what_follows_there_is_nothing(client: Client) -> None:
    several = [{"channel": "runs", "projectId": client.key.projectId}, {"channel": "announcements"}]
    async with in_the_envelope(client) as talker:
        await talker.say(type="subscribe", id="a", channels=several)
        begun = await talker.hear()
        await finish_a_run(client)
        whole = await _of_a_run(talker)
        await talker.say(type="unsubscribe", id="a")
        assert await talker.hear() == {"type": "unsubscribed", "id": "a"}
        for place, cursor in enumerate([begun["cursor"], *(event["cursor"] for event in whole[:-1])]):
            await talker.say(type="subscribe", id="a", channels=several, after=cursor)
            assert await talker.hear() == {"type": "subscribed", "id": "a", "cursor": cursor}
            assert [await talker.hear() for _ in whole[place:]] == whole[place:]
            await talker.say(type="unsubscribe", id="a")
            assert await talker.hear() == {"type": "unsubscribed", "id": "a"}


async def test_who_is_present_is_told_to_everybody_there(client: Client) -> None:
    project = client.key.projectId
    async with in_the_envelope(client) as watching:
        await watching.say(type="subscribe", channel="presence")
        assert (await watching.hear())["type"] == "subscribed"
        assert await _change(watching) == ("presence.snapshot", {"projectId": project, "members": []})
        async with in_the_envelope(client) as present:
            await present.say(type="presence", state={"node": "a"})
            event, joined = await _change(watching)
            assert joined.keys() == {"projectId", "connectionId", "subject", "name", "state", "since", "version"}
            assert (event, joined["state"], joined["projectId"]) == ("presence.joined", {"node": "a"}, project)
            await present.say(type="presence", projectId=project, state={"node": "b"})
            event, updated = await _change(watching)
            assert (event, updated["state"]) == ("presence.updated", {"node": "b"})
            assert updated["version"] > joined["version"]
            left = {"projectId": project, "connectionId": joined["connectionId"]}
            await present.say(type="presence", state=None)
            assert await _change(watching) == ("presence.left", left)
            await present.say(type="presence", state={})
            event, joined = await _change(watching)
            assert (event, joined["state"]) == ("presence.joined", {})
        assert await _change(watching) == ("presence.left", left)


async def _change(talker: Talker) -> tuple[str, dict[str, Any]]:
    event = await talker.hear()
    assert event.keys() == MEMBERS_OF_AN_EVENT, event
    assert (event["id"], event["channel"]) == ("presence", "presence")
    return event["event"], event["payload"]
