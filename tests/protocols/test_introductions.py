"""Who opens a socket says who they are, once, in time, before anything else; and may say it afresh later."""

from datetime import timedelta
from typing import Any

import pytest

from domain.ids import Id
from domain.permissions import Role
from gateway.tokens import write_token
from tests.api.talking import talking
from tests.protocols.conversing import (
    GONE_ON,
    INTRODUCED,
    STREAM,
    Step,
    answered,
    ask,
    closes,
    converse,
    hear,
    say,
)
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

WELCOME: dict[str, tuple[Step, ...]] = {
    "without a payload": (say(type="connection_init"),),
    "with a null payload": (say(type="connection_init", payload=None),),
    "with an empty payload": (say(type="connection_init", payload={}),),
    "with what others need": (say(type="connection_init", payload={"Authorization": "", "locale": ["de"]}),),
    "with null credentials": (say(type="connection_init", payload={"apiKey": None, "token": None}),),
    "after a ping": (*GONE_ON, say(type="connection_init")),
    "after an unasked pong": (say(type="pong"), say(type="connection_init")),
    "with members of later versions": (say(type="connection_init", id="1", version=2),),
}
SENT_AWAY: dict[str, tuple[Step, ...]] = {
    "a second introduction": (*INTRODUCED, say(type="connection_init"), closes(4429)),
    "a second one at once": (say(type="connection_init"), say(type="connection_init"), closes(4429)),
    "a second one while something runs": (*INTRODUCED, ask("1", STREAM), say(type="connection_init"), closes(4429)),
    "a second one after an answer": (*INTRODUCED, ask("1"), *answered("1"), say(type="connection_init"), closes(4429)),
    "a query before it": (ask("1"), closes(4401)),
    "a subscription before it": (ask("1", STREAM), closes(4401)),
    "a subscription after a ping": (*GONE_ON, ask("1", STREAM), closes(4401)),
    "no GraphQL before it": (ask("1", "{"), closes(4401)),
}
STRANGERS: list[dict[str, Any]] = [{}, {"apiKey": "x"}, {"apiKey": 1}, {"token": "x.y.z"}, {"token": ["x"]}]


@pytest.mark.parametrize("steps", WELCOME.values(), ids=WELCOME)
async def test_an_introduction_is_acknowledged(client: Client, steps: tuple[Step, ...]) -> None:
    await converse(client, *steps, hear(type="connection_ack"), ask("1"), *answered("1"))


@pytest.mark.parametrize("steps", SENT_AWAY.values(), ids=SENT_AWAY)
async def test_who_is_introduced_too_late_or_twice_is_sent_away(client: Client, steps: tuple[Step, ...]) -> None:
    await converse(client, *steps)


def token_of(client: Client, organization_id: str, role: Role = Role.VIEWER, subject: str = "ada") -> str:
    return write_token(
        client.parts.secrets.token_key,
        subject=subject,
        role=role,
        organization_id=Id(organization_id),
        project_id=Id(client.key.projectId),
        valid=timedelta(hours=1),
    )


async def organization_of(client: Client) -> str:
    found: str = (await client.ask("{ viewer { organization { id } } }"))["viewer"]["organization"]["id"]
    return found


async def test_a_socket_says_who_it_is_by_header_key_or_token(client: Client) -> None:
    token = token_of(client, await organization_of(client))
    for headers, payload, kind in (
        ({"X-API-Key": client.key.apiKey}, None, "api_key"),
        ({}, {"apiKey": client.key.apiKey}, "api_key"),
        ({"Authorization": f"Bearer {token}"}, {}, "person"),
        ({}, {"token": token}, "person"),
        ({"X-API-Key": client.key.apiKey}, {"token": token}, "person"),
    ):
        introduction = (say(type="connection_init", payload=payload), hear(type="connection_ack"))
        answer = answered("1", {"viewer": {"kind": kind}})
        await converse(client, *introduction, ask("1"), *answer, additional_headers=headers)


@pytest.mark.parametrize("payload", STRANGERS, ids=str)
async def test_who_is_not_known_is_closed_with_4403(client: Client, payload: dict[str, Any]) -> None:
    await converse(client, say(type="connection_init", payload=payload), closes(4403), additional_headers={})


async def test_a_wrong_key_in_the_handshake_is_closed_with_4403(client: Client) -> None:
    async with talking(client, additional_headers={"X-API-Key": "x"}) as talker:
        assert await talker.closed() == (4403, "This API key is not known here: check that it is whole")


async def test_a_fresh_token_of_the_same_rights_goes_on_and_is_not_told_back(client: Client) -> None:
    organization = await organization_of(client)
    older, fresh = token_of(client, organization), token_of(client, organization)
    await converse(
        client,
        say(type="connection_init", payload={"token": older}),
        hear(type="connection_ack"),
        ask("s", STREAM),
        say(type="ping", payload={"token": fresh, "at": 7}),
        _pong_of({"at": 7}),
        ask("1"),
        *answered("1", {"viewer": {"kind": "person"}}),
        additional_headers={},
    )


async def test_the_same_key_again_goes_on(client: Client) -> None:
    again = say(type="ping", payload={"apiKey": client.key.apiKey, "at": 7})
    await converse(client, *INTRODUCED, again, _pong_of({"at": 7}), ask("1"), *answered("1"))


def _pong_of(payload: dict[str, Any]) -> Step:
    async def heard(talker: Any, client: Client) -> None:
        assert await talker.hear() == {"type": "pong", "payload": payload}

    return heard


async def test_a_token_of_other_rights_or_of_somebody_else_is_closed_with_4419(client: Client) -> None:
    organization = await organization_of(client)
    first = token_of(client, organization)
    for other in (token_of(client, organization, Role.OWNER), token_of(client, organization, subject="bob")):
        await converse(
            client,
            say(type="connection_init", payload={"token": first}),
            hear(type="connection_ack"),
            say(type="ping", payload={"token": other}),
            closes(4419),
            additional_headers={},
        )


@pytest.mark.parametrize("payload", [{"apiKey": "x"}, {"token": "x.y.z"}, {"token": ["x"]}], ids=str)
async def test_what_opens_nothing_closes_an_open_socket_with_4403(client: Client, payload: dict[str, Any]) -> None:
    await converse(client, *INTRODUCED, say(type="ping", payload=payload), closes(4403))
