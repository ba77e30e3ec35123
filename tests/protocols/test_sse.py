"""GraphQL over server-sent events, distinct connections: one request, one operation, its answers as events."""

import json
from typing import Any

import httpx2
import pytest

from app.settings import Settings
from tests.api.asking import CREATE_ASSET, START
from tests.protocols.conversing import KIND, STREAM, VIEWER, finish_a_run
from tests.protocols.sourcing import ADDRESS, EVENT_STREAM, sourcing
from tests.studio import Client, GraphQLFailure, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

WATCH = "subscription($id: ID!) { runUpdated(id: $id) { status } }"
CREATE_KEY = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }"
SUCCEEDED = {"runUpdated": {"status": "SUCCEEDED"}}
TWO = "query a { viewer { kind } } query b { b: viewer { kind } }"
MANY_FIELDS = f"{{{' '.join(f'a{i}:__typename' for i in range(60))}}}"
TWO_LINES = 'a\nb\r\nc\rd\u2028e\u2029f\u0085g "quoted" data: event: \\n'


async def run_of(client: Client) -> str:
    await finish_a_run(client)
    runs: list[dict[str, str]] = (await client.ask("{ project { runs { nodes { id } } } }"))["project"]["runs"]["nodes"]
    return runs[0]["id"]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_answer_is_an_event_stream_that_nobody_keeps_or_holds_back(client: Client, method: str) -> None:
    async with sourcing(client, WATCH, method=method, id=await run_of(client)) as source:
        headers = source.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "no-cache" in headers["cache-control"]
        assert headers["x-accel-buffering"] == "no"
        assert "content-length" not in headers
        assert "content-encoding" not in headers
        assert len(headers["x-trace-id"]) == 32
        answers = await source.all()
    assert [answer["data"] for answer in answers] == [SUCCEEDED]


async def test_each_event_has_its_name_and_its_data_on_a_line_each(client: Client) -> None:
    async with sourcing(client, WATCH, id=await run_of(client)) as source:
        await source.all()
    blocks = [block for block in source.raw.split("\n\n") if not block.startswith(":")]
    first, last, rest = blocks
    event, data = first.split("\n")
    assert event == "event: next"
    assert data.startswith("data: {")
    assert json.loads(data.removeprefix("data: "))["data"] == SUCCEEDED
    assert last.split("\n")[0] == "event: complete"
    assert last.split("\n")[1].rstrip() == "data:"  # browsers tell no event without it
    assert rest == ""


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_query_has_one_answer(client: Client, method: str) -> None:
    async with sourcing(client, VIEWER, method=method) as source:
        assert [answer["data"] for answer in await source.all()] == [KIND]


async def test_a_mutation_is_posted(client: Client) -> None:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x"}
    async with sourcing(client, CREATE_ASSET, input=given) as source:
        (answer,) = await source.all()
    assert answer["data"]["createAsset"]["asset"]["id"]


async def test_a_mutation_by_get_is_refused_with_405(client: Client) -> None:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x"}
    params = {"query": CREATE_ASSET, "variables": json.dumps({"input": given})}
    answer = await client.http.get(ADDRESS, params=params, headers=EVENT_STREAM)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await client.ask("{ project { assets { totalCount } } }"))["project"]["assets"]["totalCount"] == 0


@pytest.mark.parametrize(("name", "data"), [("a", KIND), ("b", {"b": {"kind": "api_key"}})])
async def test_which_operation_of_a_document_is_said_by_its_name(
    client: Client, name: str, data: dict[str, Any]
) -> None:
    for method in ("POST", "GET"):
        async with sourcing(client, TWO, method=method, operation=name) as source:
            assert [answer["data"] for answer in await source.all()] == [data]


async def test_what_a_line_cannot_hold_is_carried_in_one(client: Client) -> None:
    given = {"projectId": client.key.projectId, "type": "PROMPT", "label": "x", "content": TWO_LINES}
    wanted = "mutation($input: CreateAssetInput!) { createAsset(input: $input) { asset { content } } }"
    async with sourcing(client, wanted, input=given) as source:
        (answer,) = await source.all()
    assert answer["data"]["createAsset"]["asset"]["content"] == TWO_LINES
    assert source.raw.count("data:") - source.raw.count("data: event:") == 2


REFUSED: dict[str, tuple[str, ...]] = {
    # the document, then a code for each thing that is wrong with it
    "a syntax error": ("subscription {", "GRAPHQL_PARSE_FAILED"),
    "an unknown field": ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
    "two unknown fields": ("{ nope nada }", *["GRAPHQL_VALIDATION_FAILED"] * 2),
    "too many fields": (MANY_FIELDS, "QUERY_TOO_COMPLEX"),
    "which of two is not said": (TWO, "GRAPHQL_VALIDATION_FAILED"),
    "a variable is missing": ("query($id: ID!) { run(id: $id) { id } }", "GRAPHQL_VALIDATION_FAILED"),
    "a run that is not there": ('subscription { runUpdated(id: "x") { id } }', "RUN_NOT_FOUND"),
    "no channel": ("subscription { stream(channels: []) { event } }", "VALIDATION_ERROR"),
    "a cursor of nobody": (
        'subscription { stream(channels: [{name: RUNS}], after: "x") { event } }',
        "CURSOR_EXPIRED",
    ),
}


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
async def test_what_is_not_executed_is_told_in_an_event(client: Client, row: tuple[str, ...], method: str) -> None:
    document, *codes = row
    async with sourcing(client, document, method=method) as source:
        (answer,) = await source.all()
    assert answer.get("data") is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == codes
    assert {error["extensions"]["traceId"] for error in answer["errors"]} == {source.response.headers["x-trace-id"]}


async def test_what_fails_while_it_is_executed_is_told_in_an_event(client: Client) -> None:
    async with sourcing(client, START, input={"workflowId": "x", "inputs": {}}) as source:
        (answer,) = await source.all()
    assert answer["data"] is None
    assert (answer["errors"][0]["path"], answer["errors"][0]["extensions"]["code"]) == (
        ["startRun"],
        "WORKFLOW_NOT_FOUND",
    )


ASKED = json.dumps({"query": VIEWER})
JSON = {"content-type": "application/json"}
TURNED_AWAY: dict[str, tuple[int, str, dict[str, str], str]] = {
    "a text": (415, "POST", {"content-type": "text/plain"}, ASKED),
    "a form": (415, "POST", {"content-type": "application/x-www-form-urlencoded"}, "query=x"),
    "GraphQL alone": (415, "POST", {"content-type": "application/graphql"}, VIEWER),
    "of no type": (415, "POST", {}, ASKED),
    "no JSON": (400, "POST", JSON, "{"),
    "bytes that are no text": (400, "POST", JSON, "\udcff"),
    "a list": (400, "POST", JSON, f"[{ASKED}]"),
    "a number": (400, "POST", JSON, "1"),
    "null": (400, "POST", JSON, "null"),
    "no query": (400, "POST", JSON, "{}"),
    "a query that is a number": (400, "POST", JSON, '{"query":1}'),
    "variables that are a list": (400, "POST", JSON, '{"query":"{viewer{kind}}","variables":[]}'),
    "a query nowhere": (400, "GET", {}, ""),
    "what wants JSON": (406, "POST", {**JSON, "accept": "application/json"}, ASKED),
    "what wants GraphQL's JSON": (406, "POST", {**JSON, "accept": "application/graphql-response+json"}, ASKED),
    "what wants a page": (406, "POST", {**JSON, "accept": "text/html,application/xhtml+xml"}, ASKED),
    "what refuses it": (406, "POST", {**JSON, "accept": "application/json, text/event-stream;q=0"}, ASKED),
    "what refuses it at length": (406, "POST", {**JSON, "accept": "text/event-stream; charset=utf-8; q=0.000"}, ASKED),
    "a reservation": (405, "PUT", {}, ""),
    "the end of an operation": (405, "DELETE", {}, ""),
    "a patch": (405, "PATCH", JSON, ASKED),
}


@pytest.mark.parametrize("row", TURNED_AWAY.values(), ids=TURNED_AWAY)
async def test_what_is_no_request_for_a_stream_is_turned_away_in_json(
    client: Client, row: tuple[int, str, dict[str, str], str]
) -> None:
    status, method, headers, body = row
    answer = await client.http.request(
        method, ADDRESS, headers=EVENT_STREAM | headers, content=body.encode(errors="surrogateescape")
    )
    assert answer.status_code == status, answer.text
    assert "json" in answer.headers["content-type"]
    assert "Traceback" not in answer.text
    assert answer.headers["x-trace-id"] in answer.text


async def test_asking_for_the_head_alone_executes_nothing(client: Client) -> None:
    asked = {"query": CREATE_KEY, "variables": {"input": {"projectId": client.key.projectId, "name": "by HEAD"}}}
    answer = await client.http.request("HEAD", ADDRESS, json=asked, headers=EVENT_STREAM)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    answer = await client.http.head(ADDRESS, params={"query": VIEWER}, headers=EVENT_STREAM)
    assert (answer.status_code, answer.content) == (405, b"")
    assert "by HEAD" not in await names_of_keys(client)


@pytest.mark.asyncio(loop_scope="function")
async def test_who_has_too_many_streams_has_nothing_executed(settings: Settings, database_url: str) -> None:
    async with serving(settings.model_copy(update={"sockets_per_caller": 1}), database_url) as client:
        given = {"projectId": client.key.projectId, "name": "one too many", "scopes": ["runs:read"]}
        async with sourcing(client, STREAM):
            asked = {"query": CREATE_KEY, "variables": {"input": given}}
            answer = await client.http.post(ADDRESS, json=asked, headers=EVENT_STREAM)
            assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
        assert "one too many" not in await names_of_keys(client)
        async with sourcing(client, CREATE_KEY, input=given) as source:
            await source.all()
        assert "one too many" in await names_of_keys(client)


async def names_of_keys(client: Client) -> list[str]:
    keys = (await client.ask("{ apiKeys { nodes { name } } }"))["apiKeys"]["nodes"]
    return [key["name"] for key in keys]


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream",
        "TEXT/Event-Stream",
        "text/event-stream; charset=utf-8",
        "text/event-stream, application/json",
        "application/json;q=0.5, text/event-stream",
    ],
)
async def test_event_streams_may_be_asked_for_among_others(client: Client, accept: str) -> None:
    answer = await client.http.post(ADDRESS, content=ASKED, headers={**JSON, "accept": accept})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_called_so_in_any_way(client: Client, content_type: str) -> None:
    answer = await client.http.post(ADDRESS, content=ASKED, headers=EVENT_STREAM | {"content-type": content_type})
    assert answer.status_code == 200
    assert "event: next\n" in answer.text


@pytest.mark.parametrize(
    "headers", [{}, {"x-api-key": "x"}, {"authorization": "Bearer x.y.z"}, {"authorization": "Basic eDp5"}], ids=str
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_who_is_not_known_is_told_401_in_json(client: Client, method: str, headers: dict[str, str]) -> None:
    asked: dict[str, Any] = {"json": {"query": VIEWER}} if method == "POST" else {"params": {"query": VIEWER}}
    async with httpx2.AsyncClient(base_url=client.url, trust_env=False) as stranger:
        answer = await stranger.request(method, ADDRESS, headers=EVENT_STREAM | headers, **asked)
    assert answer.status_code == 401
    assert "json" in answer.headers["content-type"]
    assert GraphQLFailure(answer.json()["errors"]).code == "UNAUTHENTICATED"


async def test_a_body_without_measure_is_refused_with_413(client: Client) -> None:
    answer = await client.http.post(ADDRESS, content=b"x" * 3_000_000, headers=EVENT_STREAM | JSON)
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/graphql", "/v1/graphql"])
async def test_elsewhere_there_are_no_event_streams(client: Client, path: str) -> None:
    answer = await client.http.post(path, content=ASKED, headers=EVENT_STREAM | JSON)
    assert "event-stream" not in answer.headers["content-type"]
