"""Whatever a caller sends to any row of the table: it is answered or refused, and nothing breaks."""

from dataclasses import fields
from typing import Any

import pytest

from domain.plain import camel_case
from rest.api_v1.actions import Change
from rest.api_v1.making import Deprecated
from rest.api_v1.routes import ROWS, Row
from tests.api_v1.calling import UNKNOWN, a_flow, call, made
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASYNC = {"Prefer": "respond-async"}
VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, 2**63, 2**70, "", " ", "x", "\x00", "\u202e", "@hero", "@last", "null", "1:1",
    "x" * 10_000, UNKNOWN, UNKNOWN.upper(), "' OR 1=1 --", [], [None], ["@last"], [[]], {}, {"x": 0.5, "y": 0.5},
    {"x": "NaN"}, {"": ""}, {"@hero": UNKNOWN}, {"@hero": {"$ne": 1}}, {"template": []},
]  # fmt: skip
NAMES = ["x", "%00", "%0a", "%F0%9F%8E%A8", "..", "'", UNKNOWN, "@hero", "x" * 5_000, "%ff", "{}", "*"]
QUERIES = ["limit", "offset", "flowId", "status", "source", "alias", "slug", "includeDeleted", "x", "%00", ""]


def _body_of(row: Row) -> list[str]:
    """The keys that its body may have, and one that it may not."""
    action = row.action.action if isinstance(row.action, Deprecated) else row.action
    known = [camel_case(field.name) for field in fields(action.command)] if isinstance(action, Change) else []
    return [*known, "unknown"]


def _named(row: Row) -> str:
    return f"{row.method} {row.path}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.method in {"POST", "PUT"}], ids=_named)
async def test_no_body_breaks_it(client: Client, row: Row) -> None:
    generation, flow = await made(client), await a_flow(client)
    await call(client, "POST", "/live/scopes", {"slug": "hero"})
    ids = {"generations": generation["id"], "flows": flow["id"], "images": generation["outputImageId"]}
    path = row.path.format(id=ids.get(row.path.split("/")[1]), slug="hero", alias="@hero")
    for key in _body_of(row):
        for value in VALUES:
            answer = await call(client, row.method, path, {"prompt": "x", "slug": "s", key: value}, headers=ASYNC)
            assert answer.status_code < 500, (key, value, answer.text)
            alone = await call(client, row.method, path, {key: value}, headers=ASYNC)
            assert alone.status_code < 500, (key, value, alone.text)


@pytest.mark.parametrize("row", [row for row in ROWS if "{" in row.path], ids=_named)
async def test_no_name_in_the_path_breaks_it(client: Client, row: Row) -> None:
    for name in NAMES:
        body: dict[str, str] | None = {} if row.method in {"POST", "PUT"} else None
        answer = await call(client, row.method, row.path.format(id=name, slug=name, alias=name), body, headers=ASYNC)
        assert 400 <= answer.status_code < 500, (name, answer.text)
        assert answer.json()["error"]["traceId"]


@pytest.mark.parametrize("row", [row for row in ROWS if row.method == "GET" and "{" not in row.path], ids=_named)
async def test_no_query_breaks_it(client: Client, row: Row) -> None:
    for name in QUERIES:
        for value in [*NAMES, "0", "-1", "true", "9" * 400]:
            answer = await client.http.get(f"/api/v1{row.path}?{name}={value}")
            assert answer.status_code < 500, (name, value, answer.text)


@pytest.mark.parametrize("name", ["X-Project-Id", "Idempotency-Key", "Prefer", "Content-Type", "Accept", "traceparent"])
async def test_no_header_breaks_it(client: Client, name: str) -> None:
    for value in ("", "x" * 300, "\xff", "wait=-1", "wait=99999999999", "respond-async; wait=x", "0" * 16, UNKNOWN):
        headers = ASYNC | {name: value}
        answer = await client.http.post("/api/v1/flows", content=b"{}", headers=[*headers.items()])
        assert answer.status_code < 500, (name, value, answer.text)
