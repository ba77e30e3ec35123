"""API keys over GraphQL: made, listed, changed, revoked, and what each opens."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.asking import workflow_id
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = """mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  secret clientMutationId apiKey { id prefix scopes rateLimitPerHour expiresAt revokedAt version project { slug } }
} }"""
UPDATE = "mutation($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { apiKey { name version expiresAt } } }"
REVOKE = "mutation($id: ID!) { revokeApiKey(input: {id: $id}) { secret apiKey { id revokedAt version } } }"
LIST = "{ apiKeys { totalCount nodes { id name prefix scopes } } }"
VIEWER = "{ viewer { scopes } projects { nodes { slug } } }"


async def made(client: Client, **more: Any) -> dict[str, Any]:
    given = {"name": "Robot", "scopes": ["*"], **more}
    found: dict[str, Any] = (await client.ask(CREATE, input=given))["createApiKey"]
    return found


async def asked_with(client: Client, secret: str, query: str, **variables: Any) -> Any:
    async with httpx2.AsyncClient(base_url=client.url, headers={"X-API-Key": secret}) as http:
        return (await http.post("/graphql", json={"query": query, "variables": variables})).json()


async def refusal(client: Client, query: str, **variables: Any) -> GraphQLFailure:
    with pytest.raises(GraphQLFailure) as failure:
        await client.ask(query, **variables)
    return failure.value


async def test_a_new_key_opens_what_its_scopes_say_and_nothing_more(client: Client) -> None:
    key = await made(client, scopes=["projects:read", "runs:read"])
    assert key["secret"].startswith(key["apiKey"]["prefix"])
    assert (key["apiKey"]["rateLimitPerHour"], key["apiKey"]["version"]) == (100, 1)
    answer = await asked_with(client, key["secret"], VIEWER)
    assert answer["data"]["viewer"]["scopes"] == ["projects:read", "runs:read"]
    refused = await asked_with(client, key["secret"], LIST)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_its_secret_is_shown_once_also_to_whoever_repeats_the_request(client: Client) -> None:
    once = str(uuid4())
    first, again = await made(client, clientMutationId=once), await made(client, clientMutationId=once)
    assert (again["apiKey"], again["secret"]) == (first["apiKey"], None)
    assert first["secret"] not in str(await client.ask(LIST))
    assert (await client.ask(LIST))["apiKeys"]["totalCount"] == 2  # with the one that asks


async def test_a_key_of_one_project_sees_no_other(client: Client) -> None:
    await client.ask('mutation { createProject(input: {name: "Shop"}) { project { id } } }')
    key = await made(client, projectId=client.key.projectId)
    assert key["apiKey"]["project"] == {"slug": "website"}
    answer = await asked_with(client, key["secret"], VIEWER)
    assert answer["data"]["projects"]["nodes"] == [{"slug": "website"}]
    # Nor does it make keys for others.
    child = await asked_with(client, key["secret"], CREATE, input={"name": "Child", "scopes": ["runs:read"]})
    assert child["data"]["createApiKey"]["apiKey"]["project"] == {"slug": "website"}


async def test_nobody_can_give_what_they_do_not_have(client: Client) -> None:
    key = await made(client, scopes=["keys:write", "runs:read"])
    for scopes in (["*"], ["runs:start"], ["runs:read", "images:read"]):
        refused = await asked_with(client, key["secret"], CREATE, input={"name": "Child", "scopes": scopes})
        assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    child = await asked_with(client, key["secret"], CREATE, input={"name": "Child", "scopes": ["runs:read"]})
    assert child["data"]["createApiKey"]["secret"]


async def test_a_revoked_key_opens_nothing_and_revoking_again_changes_nothing(client: Client) -> None:
    key = await made(client)
    first, again = [(await client.ask(REVOKE, id=key["apiKey"]["id"]))["revokeApiKey"] for _ in range(2)]
    assert first == again
    assert (first["secret"], first["apiKey"]["version"]) == (None, 2)
    refused = await asked_with(client, key["secret"], VIEWER)
    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await refusal(client, UPDATE, input={"id": key["apiKey"]["id"], "name": "Back"})).code == "CONFLICT"


async def test_a_key_is_changed_as_its_version_allows(client: Client) -> None:
    key = (await made(client))["apiKey"]
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    given = {"id": key["id"], "expectedVersion": 1, "name": "Renamed", "expiresAt": later}
    changed = (await client.ask(UPDATE, input=given))["updateApiKey"]["apiKey"]
    assert changed == {"name": "Renamed", "version": 2, "expiresAt": later}
    assert (await refusal(client, UPDATE, input=given)).code == "CONFLICT"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["runs:fly"]}, "scopes"),
        ({"scopes": ["steps:execute"]}, "scopes"),
        ({"rateLimitPerHour": 0}, "rateLimitPerHour"),
        ({"rateLimitPerHour": -5}, "rateLimitPerHour"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ],
    ids=str,
)
async def test_a_key_that_cannot_be_is_refused(client: Client, wrong: dict[str, Any], field: str) -> None:
    failure = await refusal(client, CREATE, input={"name": "Robot", "scopes": ["*"], **wrong})
    assert (failure.code, failure.field) == ("VALIDATION_ERROR", field)


async def test_keys_of_another_organization_do_not_exist(client: Client, spy: Client) -> None:
    key = (await made(client))["apiKey"]
    assert key["id"] not in str(await spy.ask(LIST))
    for query, variables in ((UPDATE, {"input": {"id": key["id"], "name": "Mine"}}), (REVOKE, {"id": key["id"]})):
        assert (await refusal(spy, query, **variables)).code == "NOT_FOUND"
    assert (
        await refusal(spy, CREATE, input={"name": "K", "scopes": ["*"], "projectId": client.key.projectId})
    ).code == ("PROJECT_NOT_FOUND")
    assert await spy.ask("query($id: ID!) { node(id: $id) { id } }", id=key["id"]) == {"node": None}
    assert await workflow_id(client)


async def test_when_a_key_was_last_used_is_seen_and_is_no_new_version(client: Client) -> None:
    key = await made(client, name="Used")
    used = "{ apiKeys { nodes { id name lastUsedAt version } } }"
    assert {node["lastUsedAt"] for node in (await client.ask(used))["apiKeys"]["nodes"]} == {None}
    before = datetime.now(UTC)
    await asked_with(client, key["secret"], VIEWER)
    await client.parts.identity._uses.flush()
    nodes = {node["name"]: node for node in (await client.ask(used))["apiKeys"]["nodes"]}
    assert nodes["Used"]["id"] == key["apiKey"]["id"]
    assert (
        before - timedelta(milliseconds=1) <= datetime.fromisoformat(nodes["Used"]["lastUsedAt"]) <= datetime.now(UTC)
    )
    assert {node["version"] for node in nodes.values()} == {1}
    changed = await client.ask(UPDATE, input={"id": key["apiKey"]["id"], "name": "Renamed", "expectedVersion": 1})
    assert changed["updateApiKey"]["apiKey"]["version"] == 2
    nodes = {node["name"]: node for node in (await client.ask(used))["apiKeys"]["nodes"]}
    assert nodes["Renamed"]["lastUsedAt"]
