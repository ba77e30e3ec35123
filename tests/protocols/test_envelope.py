"""The plain envelope: who speaks, what is answered, and that what is said wrong harms nobody."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from domain.ids import Id
from domain.permissions import Role
from gateway.tokens import write_token
from tests.api.test_announcements import key_of
from tests.protocols.conversing import GONE_ON, Step, closes, finish_a_run, hear, say
from tests.protocols.enveloping import authenticate, connected, correspond, corresponding, hear_of, refused
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEFORE_THE_INTRODUCTION: dict[str, Step] = {
    "a subscription": say(type="subscribe", channel="runs"),
    "the end of one": say(type="unsubscribe", id="runs"),
    "a presence": say(type="presence", state={}),
    "a message of no type": say(type="hello"),
    "a message of the other protocol": say(type="connection_init"),
    "a malformed subscription": say(type="subscribe", channel=7),
}
MALFORMED: dict[str, str | bytes] = {
    "a list": "[]",
    "null": "null",
    "a number": "1",
    "a text": '"ping"',
    "true": "true",
    "no JSON": "{",
    "nothing": "",
    "blanks": "  ",
    "two messages": '{"type":"ping"}{"type":"ping"}',
    "a list of messages": '[{"type":"ping"}]',
    "single quotes": "{'type':'ping'}",
    "NaN": '{"type":"ping","payload":NaN}',
    "deep arrays": "[" * 60_000,
    "a deep payload": f'{{"type":"ping","payload":{"[" * 30_000}{"]" * 30_000}}}',
    "a number of 5,000 digits": f'{{"type":"ping","payload":{"1" * 5_000}}}',
    "a lone surrogate": '{"type":"ping","payload":"\\ud800"}',
    "no type": "{}",
    "a type that is null": '{"type":null}',
    "a type that is a number": '{"type":1}',
    "a type that is an object": '{"type":{}}',
    "an empty type": '{"type":""}',
    "an unknown type": '{"type":"hello"}',
    "a type in capitals": '{"type":"PING"}',
    "a type of the other protocol": '{"type":"connection_init"}',
    "an answer": '{"type":"subscribed"}',
    "an event": '{"id":"runs","channel":"runs","event":"run.updated"}',
    "binary": b'{"type":"ping"}',
    "binary that is no text": b"\xff\xfe",
    "no bytes": b"",
}
ID = "x"
WRONG: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no channel": ({"type": "subscribe"}, "channel", None),
    "a channel that is null": ({"type": "subscribe", "channel": None}, "channel", None),
    "a channel that is a number": ({"type": "subscribe", "channel": 7, "id": ID}, "channel", ID),
    "a channel that is an object": ({"type": "subscribe", "channel": {"name": "runs"}, "id": ID}, "channel", ID),
    "a channel of no such name": ({"type": "subscribe", "channel": "steps", "id": ID}, "channel", ID),
    "a channel in capitals": ({"type": "subscribe", "channel": "RUNS", "id": ID}, "channel", ID),
    "an id that is a number": ({"type": "subscribe", "channel": "runs", "id": 7}, "id", None),
    "an id that is null": ({"type": "subscribe", "channel": "runs", "id": None}, "id", None),
    "an empty id": ({"type": "subscribe", "channel": "runs", "id": ""}, "id", None),
    "a long id": ({"type": "subscribe", "channel": "runs", "id": "x" * 129}, "id", None),
    "a cursor that is a number": ({"type": "subscribe", "channel": "runs", "after": 7, "id": ID}, "after", ID),
    "a cursor that is an object": ({"type": "subscribe", "channel": "runs", "after": {}, "id": ID}, "after", ID),
    "a project that is a number": ({"type": "subscribe", "channel": "runs", "projectId": 7, "id": ID}, "projectId", ID),
    "a run that is a list": ({"type": "subscribe", "channel": "runs", "runId": [], "id": ID}, "runId", ID),
    "channels that are a text": ({"type": "subscribe", "channels": "runs", "id": ID}, "channels", ID),
    "channels that are texts": ({"type": "subscribe", "channels": ["runs"], "id": ID}, "channels", ID),
    "channels that are null": ({"type": "subscribe", "channels": None, "id": ID}, "channels", ID),
    "no channels": ({"type": "subscribe", "channels": [], "id": ID}, "channels", ID),
    "too many channels": ({"type": "subscribe", "channels": [{"channel": "runs"}] * 51, "id": ID}, "channels", ID),
    "channels without an id": ({"type": "subscribe", "channels": [{"channel": "runs"}]}, "id", None),
    "a channel without a name": ({"type": "subscribe", "channels": [{}], "id": ID}, "channel", ID),
    "both": ({"type": "subscribe", "channel": "runs", "channels": [{"channel": "runs"}], "id": ID}, "channels", ID),
    "the end of what has no name": ({"type": "unsubscribe"}, "id", None),
    "the end of a number": ({"type": "unsubscribe", "id": 7}, "id", None),
    "a presence without a state": ({"type": "presence"}, "state", None),
    "a presence that is a text": ({"type": "presence", "state": "here"}, "state", None),
    "a presence that is a list": ({"type": "presence", "state": []}, "state", None),
    "a presence in a number": ({"type": "presence", "projectId": 7, "state": {}}, "projectId", None),
    "a presence over 2 KiB": ({"type": "presence", "state": {"x": "x" * 2_041}}, "state", None),
}


def token_of(
    client: Client, organization_id: Id, role: Role = Role.VIEWER, subject: str = "ada", **valid: float
) -> str:
    return write_token(
        client.parts.secrets.token_key,
        subject=subject,
        role=role,
        organization_id=organization_id,
        project_id=Id(client.key.projectId),
        valid=timedelta(**(valid or {"hours": 1})),
    )


async def organization_of(client: Client) -> Id:
    found = await client.parts.credentials.organization(client.key.organizationSlug)
    assert found
    return found.id


async def test_a_key_that_does_not_expire_is_told_so(client: Client) -> None:
    async with connected(client) as one:
        answer = await one.authenticate(apiKey=client.key.apiKey)
        assert answer.keys() == {"type", "connectionId", "expiresAt"}
        assert answer["expiresAt"] is None
        assert await one.subscribe()


async def test_a_token_is_told_when_it_expires(client: Client) -> None:
    token = token_of(client, await organization_of(client))
    async with connected(client) as one:
        assert (await one.authenticate(token=token))["expiresAt"] > "2026"
        assert await one.subscribe()


@pytest.mark.parametrize("offered", [["easel.v1"], None], ids=str)
async def test_a_key_in_the_handshake_needs_no_message(client: Client, offered: list[str] | None) -> None:
    token = token_of(client, await organization_of(client))
    for headers in ({"X-API-Key": client.key.apiKey}, {"Authorization": f"Bearer {token}"}):
        async with connected(client, additional_headers=headers, subprotocols=offered) as one:
            assert await one.subscribe()
            assert (await one.authenticate())["connectionId"]


@pytest.mark.parametrize("said", [{}, {"apiKey": "x"}, {"apiKey": 1}, {"token": "x.y.z"}, {"token": ["x"]}], ids=str)
async def test_who_is_not_known_is_closed_with_4403(client: Client, said: dict[str, Any]) -> None:
    async with connected(client) as one:
        await one.say(type="auth", **said)
        assert (await one.closed())[0] == 4403


async def test_a_wrong_key_in_the_handshake_is_closed_with_4403(client: Client) -> None:
    async with connected(client, additional_headers={"X-API-Key": "x"}) as one:
        assert await one.closed() == (4403, "This API key is not known here: check that it is whole")


@pytest.mark.parametrize("said", BEFORE_THE_INTRODUCTION.values(), ids=BEFORE_THE_INTRODUCTION)
async def test_who_speaks_before_saying_who_they_are_is_closed_with_4401(client: Client, said: Step) -> None:
    async with connected(client) as one:
        for step in (*GONE_ON, say(type="pong"), said, closes(4401)):
            await step(one, client)


async def test_what_is_malformed_is_answered_before_the_introduction_too(client: Client) -> None:
    async with connected(client) as one:
        for step in (say("[]"), refused("VALIDATION_ERROR"), *authenticate(apiKey=client.key.apiKey)):
            await step(one, client)


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_malformed_is_answered_by_an_error_and_the_socket_stays(
    client: Client, frame: str | bytes
) -> None:
    answered = (say(frame), refused("VALIDATION_ERROR"), *GONE_ON)
    await correspond(client, *answered, *answered, say(type="subscribe", channel="runs"), hear_of(type="subscribed"))


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
async def test_what_is_said_wrong_is_answered_with_the_member_that_is_meant(
    client: Client, row: tuple[dict[str, Any], str, str | None]
) -> None:
    message, field, id_ = row
    answered = (say(**message), refused("VALIDATION_ERROR", id_, field), *GONE_ON)
    await correspond(client, *answered, say(type="subscribe", channel="runs"), hear_of(type="subscribed"))


async def test_a_message_of_64_kib_is_taken_and_a_larger_one_is_closed_with_1009(client: Client) -> None:
    head, tail = '{"type":"ping","payload":"', '"}'
    whole = head + "x" * (65_536 - len(head) - len(tail)) + tail
    pong = json.loads(whole) | {"type": "pong"}
    await correspond(client, say(whole), hear(**pong), say(whole + " "), closes(1009))


@pytest.mark.parametrize("payload", [None, 0, "", "é", [], {}, [{"deep": [1.5, None]}]], ids=str)
async def test_a_pong_carries_what_its_ping_did(client: Client, payload: Any) -> None:
    await correspond(client, say(type="ping", payload=payload), hear(type="pong", payload=payload))


async def test_a_ping_without_a_payload_has_a_pong_without_one_and_a_pong_no_answer(client: Client) -> None:
    await correspond(client, say(type="pong", payload={}), say(type="ping"), hear(type="pong"), *GONE_ON)


async def test_ids_are_the_channels_names_or_whatever_is_said(client: Client) -> None:
    odd = ["x" * 128, "é \n\"'\\", "runs/1", "0", "presence"]
    async with corresponding(client) as one:
        await one.subscribe()
        for id_ in odd:
            await one.subscribe("announcements", id=id_)
        await finish_a_run(client)
        assert {event["id"] for event in await one.hear_until("run.completed")} == {"runs"}
        for id_ in ["runs", *odd]:
            await one.say(type="unsubscribe", id=id_)
            assert await one.hear() == {"type": "unsubscribed", "id": id_}
        await finish_a_run(client)
        await one.hears_nothing_more()


async def test_an_id_is_used_once_at_a_time(client: Client) -> None:
    again = say(type="subscribe", channel="runs")
    begun = (again, hear_of(type="subscribed", id="runs"))
    ended = (say(type="unsubscribe", channel="runs"), hear(type="unsubscribed", id="runs"))
    twice = (again, refused("CONFLICT", "runs", "id"))
    gone = (say(type="unsubscribe", id="runs"), refused("NOT_FOUND", "runs", "id"))
    await correspond(client, *gone, *begun, *twice, *twice, *GONE_ON, *ended, *gone, *begun, *ended)


async def test_the_same_channel_twice_is_told_twice(client: Client) -> None:
    async with corresponding(client) as one:
        await one.subscribe(id="a")
        await one.subscribe(id="b")
        await finish_a_run(client)
        heard: dict[str, list[str]] = {"a": [], "b": []}
        while any("run.completed" not in names for names in heard.values()):
            event = await one.hear_event()
            heard[event["id"]].append(event["event"])
        assert heard["a"] == heard["b"]


async def test_a_socket_carries_a_hundred_subscriptions(client: Client) -> None:
    async with corresponding(client) as one:
        for number in range(100):
            await one.subscribe(id=str(number))
        over = say(type="subscribe", channel="runs", id="over")
        for step in (over, refused("RATE_LIMITED", "over"), *GONE_ON, say(type="unsubscribe", id="7")):
            await step(one, client)
        assert await one.hear() == {"type": "unsubscribed", "id": "7"}
        await one.subscribe(id="over")


async def test_nothing_comes_of_what_has_ended_whenever_it_ends(client: Client) -> None:
    async with corresponding(client) as one:
        running = asyncio.create_task(finish_a_run(client))
        for _ in range(50):
            await one.say(type="subscribe", channel="runs")
            await one.unsubscribe("runs")
        await running
        await one.hears_nothing_more()


async def test_a_fresh_key_or_token_of_the_same_caller_goes_on(client: Client) -> None:
    organization = await organization_of(client)
    older, fresh = token_of(client, organization, hours=1), token_of(client, organization, hours=2)
    async with connected(client) as one:
        first = await one.authenticate(token=older)
        await one.subscribe()
        second = await one.authenticate(token=fresh)
        assert first["connectionId"] == second["connectionId"]
        assert first["expiresAt"] < second["expiresAt"]
        await finish_a_run(client)
        assert await one.hear_until("run.completed")


async def test_other_rights_or_somebody_else_are_closed_with_4419(client: Client) -> None:
    organization = await organization_of(client)
    first = token_of(client, organization)
    for other in (token_of(client, organization, Role.OWNER), token_of(client, organization, subject="bob")):
        async with connected(client) as one:
            await one.authenticate(token=first)
            await one.say(type="auth", token=other)
            assert (await one.closed())[0] == 4419


async def test_another_key_of_the_same_rights_is_somebody_else(client: Client) -> None:
    async with (
        key_of(client, "runs:read") as first,
        key_of(client, "runs:read") as second,
        corresponding(client, first.http.headers["x-api-key"]) as one,
    ):
        await one.say(type="auth", apiKey=second.http.headers["x-api-key"])
        assert (await one.closed())[0] == 4419


@pytest.mark.parametrize("said", [{"apiKey": "x"}, {"token": "x.y.z"}, {"token": ["x"]}], ids=str)
async def test_what_opens_nothing_closes_an_open_socket_with_4403(client: Client, said: dict[str, Any]) -> None:
    await correspond(
        client,
        say(type="subscribe", channel="runs"),
        hear_of(type="subscribed"),
        say(type="auth", **said),
        closes(4403),
    )
