"""What operations cost: told with each answer, and beyond the budget refused before anything is executed."""

from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.parts import Parts
from app.serving import running
from app.settings import Settings
from tests.api.asking import CREATE_ASSET, START, add_asset, send, start, told, workflow_id
from tests.api.people import person, set_member
from tests.api.talking import acknowledged
from tests.conftest import fresh_database, settings_in
from tests.gateway.stretches import early_in_its_stretch
from tests.servers.valkey_process import start_valkey
from tests.studio import Client, client_of, serving

BUDGET = 20_000
VIEWER = "{ viewer { kind } }"
PAGE = "query($first: Int) { projects(first: $first) { nodes { assets(first: $first) { nodes { id } } } } }"
DEAR = "{ projects(first: 100) { nodes { assets(first: 65) { nodes { id } } } } }"
DEAR_CHANGE = f"""mutation($input: CreateAssetInput!) {{
  createAsset(input: $input) {{ asset {{ project {{ organization {DEAR} }} }} }}
}}"""
DEAR_COST = 100 * (1 + 1 + 65 * (1 + 1))
STREAM = "subscription($id: ID!) { stream(channels: [{name: RUNS, projectId: $id}]) { event } }"
WITHIN_SECONDS = 0.25


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def poor_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Parts, str]]:
    """A server whose actors have the smallest budget there is."""
    settings = settings_in(tmp_path_factory.mktemp("poor")).model_copy(update={"cost_per_minute": BUDGET})
    async with fresh_database() as database_url, running(settings, database_url) as (parts, url):
        yield parts, url


@pytest_asyncio.fixture(loop_scope="module")
async def poor(poor_server: tuple[Parts, str]) -> AsyncIterator[Client]:
    """Somebody whose budget is untouched."""
    async with client_of(*poor_server, f"poor-{uuid4().hex}") as client:
        actor = await client.parts.identity.of(client.key.apiKey, None, "0" * 32)
        await early_in_its_stretch(f"cost/{actor.organization_id}/{actor.kind}/{actor.subject}")
        yield client


async def cost_of(client: Client, query: str, **variables: Any) -> int:
    answer = (await client.post(query, **variables)).json()
    cost: dict[str, int] = answer["extensions"]["cost"]
    assert list(cost) == ["requested", "limit", "remaining", "resetSeconds"]
    return cost["requested"]


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ("{ __typename }", {}, 1),
        (VIEWER, {}, 1),
        ("{ viewer { organization { slug } } }", {}, 2),
        ("{ projects { totalCount } }", {}, 1),
        ("{ projects { nodes { id } } }", {}, 40),
        ("{ projects(first: null) { nodes { id } } }", {}, 40),
        ("{ projects(first: 3) { nodes { id } } }", {}, 6),
        ("{ projects { ...page } } fragment page on ProjectConnection { nodes { id } }", {}, 40),
        ("{ projects { ... { edges { node { id } } } } }", {}, 60),
        ("query($n: Int) { projects(first: $n) { nodes { id } } }", {"n": 5}, 10),
        ("query($n: Int) { projects(first: $n) { nodes { id } } }", {"n": None}, 40),
        ("query($n: Int = 7) { projects(first: $n) { nodes { id } } }", {}, 14),
        ("query($n: Int) { projects(first: $n) { nodes { id } } }", {}, 200),
        ("query($n: Int = 7) { projects(first: $n) { nodes { id } } }", {"n": 8}, 16),
        (PAGE, {"first": 2}, 2 * (1 + 1 + 2 * 2)),
        ("{ projects(first: -1) { nodes { id } } }", {}, 2),
        ("{ nope }", {}, 1),
    ],
)
async def test_the_cost_is_what_the_answer_can_hold(
    client: Client, query: str, variables: dict[str, Any], cost: int
) -> None:
    assert await cost_of(client, query, **variables) == cost


async def test_only_the_operation_that_is_run_is_paid_for(client: Client) -> None:
    document = f"query cheap {VIEWER} query dear {DEAR}"
    for name, cost in (("cheap", 1), ("dear", DEAR_COST)):
        answer = await client.http.post("/graphql", json={"query": document, "operationName": name})
        assert answer.json()["extensions"]["cost"]["requested"] == cost


async def test_pages_may_be_as_long_as_their_variables_say_and_no_longer(client: Client) -> None:
    nested = "{ nodes { runs(first: $first) { nodes { workflow { runs(first: $first) { nodes { id } } } } } } }"
    query = f"query($first: Int) {{ projects(first: $first) {nested} }}"
    assert (await client.ask(query, first=3))["projects"]
    assert told(await client.post(query, first=100)) == (200, "QUERY_TOO_COMPLEX")
    assert told(await client.post(query)) == (200, "QUERY_TOO_COMPLEX")


async def test_beyond_the_budget_an_operation_is_refused_before_it_is_executed(poor: Client) -> None:
    first = (await poor.post(DEAR)).json()["extensions"]["cost"]
    assert (first["requested"], first["limit"], first["remaining"]) == (DEAR_COST, BUDGET, BUDGET - DEAR_COST)
    given = {"projectId": poor.key.projectId, "type": "DATASET", "label": "Never made", "content": [1]}
    refused = await poor.post(DEAR_CHANGE, input=given)
    error = refused.json()["errors"][0]
    assert told(refused) == (429, "RATE_LIMITED")
    assert error["message"] == f"Rate limit exceeded. Try again in {error['extensions']['retryAfter']} seconds"
    assert refused.headers["retry-after"] == str(error["extensions"]["retryAfter"])
    cost = refused.json()["extensions"]["cost"]
    assert (cost["remaining"], cost["resetSeconds"]) == (BUDGET - DEAR_COST, error["extensions"]["retryAfter"])
    assert not refused.json().get("data")
    assert (await poor.ask("{ project { assets { totalCount } } }"))["project"]["assets"]["totalCount"] == 0


async def test_a_refusal_is_429_in_the_newer_type_too(poor: Client) -> None:
    newer = "application/graphql-response+json"
    await poor.post(DEAR)
    refused = await poor.http.post("/graphql", json={"query": DEAR}, headers={"accept": newer})
    assert told(refused) == (429, "RATE_LIMITED")
    assert refused.headers["content-type"].startswith(newer)
    assert "data" not in refused.json()


async def test_another_key_has_a_budget_of_its_own(poor: Client) -> None:
    await poor.post(DEAR)
    made = await poor.ask('mutation { createApiKey(input: {name: "Other", scopes: ["*"]}) { secret } }')
    poor.http.headers["x-api-key"] = made["createApiKey"]["secret"]
    assert (await poor.post(DEAR)).json()["extensions"]["cost"]["remaining"] == BUDGET - DEAR_COST


async def test_what_cannot_be_valid_is_paid_for_as_well(client: Client) -> None:
    before = (await client.post(VIEWER)).json()["extensions"]["cost"]["remaining"]
    wrong = await client.post("{ projects(first: 100) { nodes { nope } } }")
    assert told(wrong) == (200, "GRAPHQL_VALIDATION_FAILED")
    assert before - wrong.json()["extensions"]["cost"]["remaining"] == 200


async def test_over_a_socket_each_operation_tells_its_cost(poor: Client) -> None:
    async with acknowledged(poor) as talker:
        await talker.ask("q", VIEWER)
        assert (await talker.hear())["payload"]["extensions"]["cost"]["requested"] == 1
        assert (await talker.hear())["type"] == "complete"
        given = {"projectId": poor.key.projectId, "type": "DATASET", "label": "x"}
        await talker.ask("m", CREATE_ASSET, input=given)
        assert (await talker.hear())["payload"]["extensions"]["cost"]["requested"] == 2


async def test_beyond_the_budget_an_operation_of_a_socket_ends_alone(poor: Client) -> None:
    async with acknowledged(poor) as talker:
        await poor.post(DEAR)
        subscription = f'subscription {{ runUpdated(id: "x") {{ project {{ organization {DEAR} }} }} }}'
        for query in (DEAR, subscription):
            await talker.ask("1", query)
            refused = await talker.hear()
            assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
            assert refused["payload"][0]["extensions"]["retryAfter"] > 0
        await talker.ask("1", VIEWER)
        assert (await talker.hear())["payload"]["data"] == {"viewer": {"kind": "api_key"}}


async def test_a_subscription_pays_once_when_it_begins(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("s", STREAM, id=client.key.projectId)
        await talker.ask("q", VIEWER)
        remaining = (await talker.hear())["payload"]["extensions"]["cost"]["remaining"]
        assert (await talker.hear())["type"] == "complete"
        await start(client)
        heard = [await talker.hear() for _ in range(5)]
        assert all("extensions" not in message["payload"] for message in heard)  # the same bytes for all
        of_others = 41 + 2 + 1  # the workflow's id, its start, and this
        after = (await client.post(VIEWER)).json()["extensions"]["cost"]["remaining"]
        assert of_others <= remaining - after <= of_others + 1


async def test_a_project_starts_so_many_a_minute(settings: Settings, database_url: str) -> None:
    few = settings.model_copy(update={"project_requests_per_minute": 2})
    async with serving(few, database_url) as client:
        organization = (await client.ask("{ viewer { organization { id } } }"))["viewer"]["organization"]["id"]
        await early_in_its_stretch(f"project/{organization}/{client.key.projectId}")
        run = await start(client)
        retry = "mutation($id: ID!) { retryRun(input: {id: $id, failedOnly: false}) { run { id } } }"
        await client.post(retry, id=run["id"])
        given = {"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}}
        refused = await client.post(START, input=given)
        assert told(refused) == (200, "RATE_LIMITED")
        assert 0 < refused.json()["errors"][0]["extensions"]["retryAfter"] <= 60
        assert told(await client.post(retry, id=run["id"])) == (200, "RATE_LIMITED")
        assert await add_asset(client, "no start")


async def test_who_may_start_nothing_in_a_project_uses_up_nothing_of_it(settings: Settings, database_url: str) -> None:
    few = settings.model_copy(update={"project_requests_per_minute": 1})
    async with serving(few, database_url) as client:
        await set_member(client, "ada", "VIEWER")
        given = {"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}}
        async with person(client, "ada") as ada, person(client, "eve") as nobody:
            for _ in range(2):
                assert told(await ada.post(START, input=given)) == (200, "FORBIDDEN")
                assert told(await nobody.post(START, input=given)) == (200, "FORBIDDEN")
        assert await start(client)


async def test_a_start_of_what_is_not_there_is_not_found(client: Client, spy: Client) -> None:
    given = {"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}}
    for workflow in (given["workflowId"], "nothing"):
        assert told(await spy.post(START, input={**given, "workflowId": workflow})) == (200, "WORKFLOW_NOT_FOUND")


async def test_the_hour_of_a_key_is_seen_without_counting(client: Client) -> None:
    rate = "{ viewer { rateLimit { limit remaining resetSeconds } } }"
    fresh = {"limit": 1_000_000, "remaining": 1_000_000, "resetSeconds": 0}
    for _ in range(3):
        assert (await client.ask(rate))["viewer"]["rateLimit"] == fresh
    actor = await client.parts.identity.of(client.key.apiKey, None, "0" * 32)
    await client.parts.studio.meter.request({"state": {}}, actor)
    seen = (await client.ask(rate))["viewer"]["rateLimit"]
    assert (seen["limit"], seen["remaining"]) == (1_000_000, 999_999)
    assert 0 < seen["resetSeconds"] <= 3_600


@pytest.mark.parametrize(("when_away", "status"), [("allow", 200), ("refuse", 503)])
async def test_while_valkey_is_away_answers_come_as_decided_and_in_time(
    settings: Settings, database_url: str, tmp_path: Path, when_away: str, status: int
) -> None:
    with start_valkey(tmp_path / "valkey") as valkey:
        counted = settings.model_copy(update={"redis_url": valkey.url, "limits_when_away": when_away})
        async with serving(counted, database_url) as client:
            assert (await client.post(VIEWER)).status_code == 200
            valkey.kill()
            for _ in range(3):
                began = perf_counter()
                answer = await client.post(VIEWER)
                assert perf_counter() - began < WITHIN_SECONDS
                assert answer.status_code == status
            if status == 503:
                assert told(answer) == (503, "UNAVAILABLE")
                assert answer.headers["retry-after"] == "1"
            valkey.start()


async def test_a_body_that_is_no_operation_costs_nothing(client: Client) -> None:
    assert "extensions" not in (await send(client, b"{}")).json()
