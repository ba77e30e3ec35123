"""Revoked means revoked: a socket outlives neither its key nor its token."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from annotated_types import Le
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.settings import Settings
from domain.api_keys import ApiKey
from domain.errors import DomainError
from domain.ids import Id, new_id
from domain.members import RemoveMember, SetMember
from domain.permissions import Actor, ActorKind, Role
from domain.ports import Command
from domain.projects import CreateProject
from gateway.attempts import Attempts
from gateway.identity import REMEMBERED_SECONDS, Identity
from gateway.key_uses import KeyUses
from gateway.tokens import Tokens, write_token
from storage.credentials import Credentials
from storage.pool import create_engine
from storage.tables import TABLES
from streams.sockets.attendance import Attendance
from streams.sockets.closing import CloseCode
from tests.api.talking import acknowledged, talking
from tests.faults.plain_sockets import Speech, subscribed
from tests.studio import Client, Tenant, serving, tenant

STREAM = "subscription($id: ID!) { stream(channels: [{name: RUNS, projectId: $id}]) { event } }"
VIEWER = "{ viewer { subject } }"
SOON = timedelta(seconds=1)
CLOSED_SECONDS, LOOKING_SECONDS = 30.0, 5.0


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A running server that looks at open sockets often."""
    async with serving(settings.model_copy(update={"socket_recheck_seconds": 0.1}), database_url) as one:
        yield one


async def change_keys(client: Client, **values: Any) -> None:
    async with client.parts.engine.begin() as connection:
        await connection.execute(update(TABLES[ApiKey]).values(**values))


async def key_actor(client: Client) -> Actor:
    return await client.parts.identity.of(client.key.apiKey, None, "0" * 32)


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_a_socket_with_a_subscription_is_closed_once_its_key_is_shut_out(client: Client, column: str) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("s", STREAM, id=client.key.projectId)
        await talker.ask("q", VIEWER)
        assert (await talker.hear())["type"] == "next"
        before = datetime.now(UTC)
        await change_keys(client, **{column: before})
        assert (await talker.closed())[0] == 4419
        assert (datetime.now(UTC) - before).total_seconds() < REMEMBERED_SECONDS + 2
    async with talking(client) as talker:
        await talker.say(type="connection_init", payload={"apiKey": client.key.apiKey})
        assert (await talker.closed())[0] == 4403


async def test_a_socket_is_closed_once_its_token_has_expired(client: Client) -> None:
    actor = await key_actor(client)
    expiring = token_of(client, actor.organization_id, Role.VIEWER, SOON)
    async with talking(client) as talker:
        await talker.say(type="connection_init", payload={"token": expiring})
        assert await talker.hear() == {"type": "connection_ack"}
        assert (await talker.closed())[0] == 4419


def token_of(client: Client, organization_id: Id, role: Role | None, valid: timedelta) -> str:
    return write_token(
        client.parts.secrets.token_key,
        subject="ada",
        role=role,
        organization_id=organization_id,
        project_id=Id(client.key.projectId),
        valid=valid,
    )


CHANGES: dict[str, Callable[[Id], Command[Any]]] = {
    "removed": lambda project_id: RemoveMember(project_id=project_id, subject="ada"),
    "changed": lambda project_id: SetMember(project_id=project_id, subject="ada", role=Role.OWNER),
}


async def of_member(client: Client) -> tuple[Tenant, str]:
    """The owner of a project that a person is let into, and the person's token."""
    owner = await tenant(client.parts)
    await owner.do(SetMember(project_id=owner.project_id, subject="ada", role=Role.VIEWER))
    return owner, token_of(client, owner.actor.organization_id, None, timedelta(hours=1))


@pytest.mark.parametrize("change", CHANGES)
async def test_a_socket_is_closed_once_its_membership_is_taken_away_or_changed(client: Client, change: str) -> None:
    owner, token = await of_member(client)
    async with talking(client) as talker:
        await talker.say(type="connection_init", payload={"token": token})
        assert await talker.hear() == {"type": "connection_ack"}
        await talker.ask("s", STREAM, id=client.key.projectId)
        await talker.ask("q", VIEWER)
        assert (await talker.hear())["type"] == "next"
        before = datetime.now(UTC)
        await owner.do(CHANGES[change](owner.project_id))
        assert (await talker.closed())[0] == 4419
        assert (datetime.now(UTC) - before).total_seconds() < REMEMBERED_SECONDS + 2


async def _revoke(client: Client) -> None:
    await change_keys(client, revoked_at=datetime.now(UTC))


async def _remove(client: Client) -> None:
    await (await tenant(client.parts)).do(CHANGES["removed"](Id(client.key.projectId)))


async def _wait(client: Client) -> None:
    """A token expires by itself."""


SHUT_OUT: dict[str, Callable[[Client], Awaitable[None]]] = {
    "the key is revoked": _revoke,
    "the token expires": _wait,
    "the membership is taken away": _remove,
}


@pytest.mark.parametrize("why", SHUT_OUT)
async def test_whatever_protocol_is_spoken_who_is_shut_out_hears_no_more(client: Client, why: str) -> None:
    tokens = {
        "the key is revoked": None,
        "the token expires": token_of(client, (await key_actor(client)).organization_id, Role.VIEWER, SOON),
        "the membership is taken away": (await of_member(client))[1],
    }
    with ExitStack() as stack:
        sockets = [await subscribed(stack, client.key, speech, url=client.url, token=tokens[why]) for speech in Speech]
        began = datetime.now(UTC)
        await SHUT_OUT[why](client)
        async with asyncio.timeout(20):
            await asyncio.gather(*(one.read_on() for one in sockets))
        assert (datetime.now(UTC) - began).total_seconds() < REMEMBERED_SECONDS + 2
        assert [one.close_code for one in sockets] == [4419, 4419, None]
        assert not [one.heard for one in sockets if one.heard]


def test_as_it_is_set_and_as_it_can_be_set_nobody_stays_longer_than_promised() -> None:
    limits = Settings.model_fields["socket_recheck_seconds"].metadata
    most: Any = next(limit.le for limit in limits if isinstance(limit, Le))
    assert Settings().socket_recheck_seconds + REMEMBERED_SECONDS + LOOKING_SECONDS < CLOSED_SECONDS
    assert most + REMEMBERED_SECONDS <= CLOSED_SECONDS


async def test_one_membership_more_closes_no_socket(client: Client) -> None:
    owner, token = await of_member(client)
    identity = client.parts.identity
    before = await identity.of(None, token, "0" * 32)
    shop = await owner.do(CreateProject(name="Shop"))
    await owner.do(SetMember(project_id=shop.id, subject="ada", role=Role.VIEWER))
    identity._teams.clear()
    assert await identity.still_valid(before)
    assert (await identity.of(None, token, "0" * 32)).memberships.keys() == {owner.project_id, shop.id}


async def test_a_key_whose_expiry_was_put_off_stays_once_it_is_said_again(client: Client) -> None:
    await change_keys(client, expires_at=datetime.now(UTC) + SOON)
    async with acknowledged(client) as silent, acknowledged(client) as talker:
        await change_keys(client, expires_at=datetime.now(UTC) + timedelta(days=1))
        client.parts.identity._remembered.clear()
        await talker.say(type="ping", payload={"apiKey": client.key.apiKey})
        assert (await talker.hear())["type"] == "pong"
        assert (await silent.closed())[0] == 4419
        await talker.ask("q", VIEWER)
        assert (await talker.hear())["type"] == "next"
    async with acknowledged(client):
        pass


def identity_of(client: Client, engine: AsyncEngine) -> Identity:
    """What another process has, over this database."""
    credentials, secrets = Credentials(engine), client.parts.secrets
    attempts, uses = Attempts(client.parts.studio.meter), KeyUses(credentials.keys_used)
    return Identity(credentials, secrets, Tokens(secrets.token_key), attempts, uses)


class _Guest:
    """Somebody who is connected."""

    idle_since = None
    closed_with: CloseCode | None = None

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def close(self, code: CloseCode, reason: str) -> None:
        self.closed_with = code


async def test_a_database_that_is_away_shuts_nobody_out(client: Client) -> None:
    actor = await key_actor(client)
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere", connections=2)
    identity = identity_of(client, engine)
    with pytest.raises(DomainError, match="away"):
        await identity.still_valid(actor)
    attendance = Attendance(identity.still_valid, recheck_seconds=0.01, idle_seconds=60, most=1)
    guest = _Guest(actor)
    attendance.enter(guest)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await attendance.run()
    assert guest.closed_with is None
    await engine.dispose()


async def test_a_key_is_valid_whatever_has_been_forgotten_of_it_here(client: Client) -> None:
    actor = await key_actor(client)
    other = identity_of(client, client.parts.engine)  # has let nobody in
    assert await other.still_valid(actor)
    await change_keys(client, revoked_at=datetime.now(UTC))
    assert not await other.still_valid(actor)


async def test_who_was_never_let_in_is_not_valid(client: Client) -> None:
    stranger = Actor(
        subject=new_id(), kind=ActorKind.API_KEY, organization_id=new_id(), permissions=frozenset(), trace_id="0" * 32
    )
    assert not await client.parts.identity.still_valid(stranger)
    assert await client.parts.identity.still_valid(await key_actor(client))
