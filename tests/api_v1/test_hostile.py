"""Whatever a caller sends to any row of the table: it is answered or refused, and nothing breaks."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

import pytest
import pytest_asyncio

from app.parts import Parts
from app.serving import running
from domain.plain import camel_case
from rest.api_v1.actions import Change
from rest.api_v1.making import Deprecated
from rest.api_v1.routes import ROWS, Row
from tests.api_v1.calling import UNKNOWN, a_flow, call
from tests.api_v1.test_uploads import upload
from tests.conftest import fresh_database, settings_in
from tests.studio import Client

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ASYNC = {"Prefer": "respond-async"}
VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, 2**63, 2**70, "", " ", "x", "\x00", "\u202e", "@hero", "@last", "null", "1:1",
    "x" * 10_000, UNKNOWN, UNKNOWN.upper(), "' OR 1=1 --", [], [None], ["@last"], [[]], {}, {"x": 0.5, "y": 0.5},
    {"x": "NaN"}, {"": ""}, {"@hero": UNKNOWN}, {"@hero": {"$ne": 1}}, {"template": []},
]  # fmt: skip
NAMES = ["x", "%00", "%0a", "%F0%9F%8E%A8", "%2e%2e%2e", "'", UNKNOWN, "@hero", "x" * 5_000, "%ff", "{}", "*"]
QUERIES = ["limit", "offset", "flowId", "status", "source", "alias", "slug", "includeDeleted", "x", "%00", ""]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Parts, str]]:
    """One without workers: nothing of what is asked for need be made."""
    settings = settings_in(tmp_path_factory.mktemp("server")).model_copy(update={"workers": 0})
    async with fresh_database() as database_url, running(settings, database_url) as (parts, url):
        yield parts, url


def _body_of(row: Row) -> list[str]:
    """The keys that its body may have, and one that it may not."""
    action = row.action.action if isinstance(row.action, Deprecated) else row.action
    known = [camel_case(field.name) for field in fields(action.command)] if isinstance(action, Change) else []
    return [*known, "unknown"]


def _named(row: Row) -> str:
    return f"{row.method} {row.path}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.method in {"POST", "PUT"}], ids=_named)
async def test_no_body_breaks_it(client: Client, row: Row) -> None:
    generation = (await call(client, "POST", "/generations", {"prompt": "x"}, headers=ASYNC)).json()["id"]
    image, flow = (await upload(client)).json()["id"], (await a_flow(client))["id"]
    await call(client, "POST", "/live/scopes", {"slug": "hero"})
    ids = {"generations": generation, "flows": flow, "images": image}
    path = row.path.format(id=ids.get(row.path.split("/")[1]), slug="hero", alias="@hero")
    required = {"prompt": "x"} if row.path == "/generations" else {}
    for key in _body_of(row):
        bodies = [{**required, key: value} for value in VALUES]
        answers = await asyncio.gather(*(call(client, row.method, path, body, headers=ASYNC) for body in bodies))
        for value, answer in zip(VALUES, answers, strict=True):
            assert answer.status_code < 500, (key, value, answer.text)


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
        answer = await client.http.post(
            "/api/v1/flows", content=b"{}", headers={name.encode(): value.encode("latin-1")}
        )
        assert answer.status_code < 500, (name, value, answer.text)
