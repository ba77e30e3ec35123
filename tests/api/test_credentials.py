"""Who may ask: keys, tokens, and what each may do."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt
import pytest

from domain.ids import Id, new_id
from domain.permissions import Role
from gateway.tokens import write_token
from tests.api.asking import START, told, workflow_id
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIEWER = "{ viewer { kind subject scopes organization { slug } } }"


def _token(client: Client, role: Role = Role.EDITOR, organization_id: str | None = None, days: int = 1) -> str:
    return write_token(
        client.parts.secrets.token_key,
        subject="ada",
        role=role,
        organization_id=Id(organization_id or ""),
        project_id=Id(client.key.projectId),
        valid=timedelta(days=days),
    )


async def _organization_id(client: Client) -> str:
    found: str = (await client.ask("{ viewer { organization { id } } }"))["viewer"]["organization"]["id"]
    return found


async def _ask(client: Client, query: str, headers: Mapping[str, str], **variables: Any) -> Any:
    client.http.headers.pop("x-api-key", None)
    sent = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    return await client.http.post("/graphql", json={"query": query, "variables": variables}, headers=sent)


async def test_a_key_stands_for_its_organization(client: Client) -> None:
    viewer = (await client.ask(VIEWER))["viewer"]
    assert (viewer["kind"], viewer["organization"]["slug"], viewer["scopes"]) == (
        "api_key",
        client.key.organizationSlug,
        ["*"],
    )


async def test_without_a_key_or_with_a_wrong_one_nothing_is_answered(client: Client) -> None:
    key = client.key.apiKey
    wrong = [{}, {"x-api-key": "x"}, {"x-api-key": key[:-1]}, {"x-api-key": key[::-1]}]
    wrong += [{"x-api-key": "\xff"}, {"authorization": f"Basic {key}"}, {"authorization": "Bearer"}]
    for headers in wrong:
        assert told(await _ask(client, VIEWER, headers)) == (401, "UNAUTHENTICATED")


async def test_a_token_speaks_for_a_person(client: Client) -> None:
    token = _token(client, organization_id=await _organization_id(client))
    viewer = (await _ask(client, VIEWER, {"authorization": f"bearer {token}"})).json()["data"]["viewer"]
    assert (viewer["kind"], viewer["subject"], viewer["organization"]["slug"]) == (
        "person",
        "ada",
        client.key.organizationSlug,
    )


async def test_a_token_that_is_not_this_servers_opens_nothing(client: Client) -> None:
    secret = client.parts.secrets.token_key
    good = jwt.decode(_token(client), options={"verify_signature": False})
    head, body, signature = _token(client).split(".")
    hostile = {
        "none": jwt.encode(good, "", "none"),
        "none, unsigned": f"{jwt.encode(good, '', 'none').split('.')[0]}.{body}.{signature}",
        "wrong secret": jwt.encode(good, b"x" * 32, "HS256"),
        "other algorithm": jwt.encode(good, secret * 2, "HS512"),
        "expired": _token(client, days=-1),
        "other type": jwt.encode(good, secret, "HS256", headers={"typ": "at+jwt"}),
        "other audience": jwt.encode({**good, "aud": "x"}, secret, "HS256"),
        "other issuer": jwt.encode({**good, "iss": "x"}, secret, "HS256"),
        "no expiry": jwt.encode({k: v for k, v in good.items() if k != "exp"}, secret, "HS256"),
        "unknown role": jwt.encode({**good, "role": "GOD"}, secret, "HS256"),
        "role of a list": jwt.encode({**good, "role": ["OWNER"]}, secret, "HS256"),
        "cut": f"{head}.{body}",
        "9 kB": jwt.encode({**good, "x": "x" * 9_000}, secret, "HS256"),
        "no token": "a.b.c",
        "not ASCII": "\xe9.\xe9.\xe9",
    }
    answers = {n: await _ask(client, VIEWER, {"authorization": f"Bearer {t}"}) for n, t in hostile.items()}
    assert {n: told(answer) for n, answer in answers.items()} == dict.fromkeys(hostile, (401, "UNAUTHENTICATED"))


async def test_a_viewer_reads_but_starts_and_changes_nothing(client: Client) -> None:
    given = {"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}}
    token = _token(client, Role.VIEWER, await _organization_id(client))
    asked = {"authorization": f"Bearer {token}"}
    assert told(await _ask(client, START, asked, input=given)) == (200, "FORBIDDEN")
    assert (await _ask(client, "{ project { slug } }", asked)).json()["data"] == {"project": {"slug": "website"}}


async def test_a_token_of_an_unknown_organization_sees_nothing(client: Client) -> None:
    asked = {"authorization": f"Bearer {_token(client, organization_id=new_id())}"}
    assert (await _ask(client, "{ project { id } projects { totalCount } }", asked)).json()["data"] == {
        "project": None,
        "projects": {"totalCount": 0},
    }
