"""A server that knows an identity provider: whom its tokens let in, over HTTP and sockets, and how long."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from pydantic import AnyHttpUrl

from app.settings import Settings
from tests.api.asking import told
from tests.api.talking import talking
from tests.gateway.identity_provider import (
    NAME,
    IdentityProvider,
    SigningKey,
    claims,
    identity_provider,
    new_key,
)
from tests.studio import Client, serving

VIEWER = "{ viewer { kind subject organization { slug } } }"
KEY = new_key("key", "RS256")


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider(KEY) as one:
        yield one


@pytest.fixture
async def client(settings: Settings, database_url: str, provider: IdentityProvider) -> AsyncIterator[Client]:
    """A running server that knows the provider and looks at open sockets often."""
    known = {"jwks_url": AnyHttpUrl(provider.url), "jwt_issuer": NAME, "socket_recheck_seconds": 0.1}
    async with serving(settings.model_copy(update=known), database_url) as one:
        yield one


async def organization_id(client: Client) -> str:
    found: str = (await client.ask("{ viewer { organization { id } } }"))["viewer"]["organization"]["id"]
    return found


async def ask(client: Client, token: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=client.url, trust_env=False) as http:
        return await http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {token}"})


def token(key: SigningKey = KEY, **more: Any) -> str:
    return key.sign(claims(**more))


async def test_a_token_of_the_provider_lets_a_person_in(client: Client) -> None:
    answer = await ask(client, token(org=await organization_id(client)))
    viewer = {"kind": "person", "subject": "ada", "organization": {"slug": "acme"}}
    assert answer.json()["data"] == {"viewer": viewer}


async def test_any_other_token_is_answered_with_401(client: Client, provider: IdentityProvider) -> None:
    hostile = [
        token(new_key("key", "RS256")),
        token(new_key("unknown")),
        token(exp=datetime.now(UTC) - timedelta(hours=1)),
        token(aud="other"),
        token(sub="\x00"),
        f"{token()}.x",
    ]
    assert [told(await ask(client, one)) for one in hostile] == [(401, "UNAUTHENTICATED")] * len(hostile)
    assert provider.asked == 1


async def test_while_no_keys_can_be_had_the_answer_is_503_and_when_to_come_back(
    client: Client, provider: IdentityProvider
) -> None:
    provider.stop()
    answer = await ask(client, token())
    provider.start()
    assert told(answer) == (503, "UNAVAILABLE")
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert (await client.ask(VIEWER))["viewer"]["kind"] == "api_key"


async def test_a_socket_is_closed_once_its_token_has_expired(client: Client) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=3)
    short = token(org=await organization_id(client), exp=expires_at)
    async with talking(client) as talker:
        await talker.say(type="connection_init", payload={"token": short})
        assert await talker.hear() == {"type": "connection_ack"}
        await talker.ask("1", VIEWER)
        assert (await talker.hear())["payload"]["data"]["viewer"]["subject"] == "ada"
        assert (await talker.closed())[0] == 4419
        assert datetime.now(UTC) >= expires_at.replace(microsecond=0)
