"""The flag `introspection`: where it is off, nobody is told the schema over GraphQL."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from graphql import get_introspection_query

from app.settings import Settings
from tests.api.asking import told
from tests.api.talking import acknowledged
from tests.studio import Client, serving

ASKING = {
    "as tools do": get_introspection_query(),
    "a type": '{ __type(name: "Run") { name } }',
    "renamed": "{ viewer: __schema { queryType { name } } }",
    "in a fragment": "query { ...F } fragment F on Query { ... on Query { __schema { types { name } } } }",
    "beside other things": '{ viewer { subject } __type(name: "Run") { name } }',
    "never mind": 'query($no: Boolean = false) { __type(name: "Run") @include(if: $no) { name } viewer { subject } }',
}


@pytest.fixture
async def silent(settings: Settings, database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """A server that does not tell its schema."""
    path = tmp_path / "flags.json"
    path.write_text(json.dumps({"introspection": False}))
    async with serving(settings.model_copy(update={"flags_file": path}), database_url) as one:
        yield one


async def test_the_schema_is_told_unless_it_is_switched_off(client: Client) -> None:
    found = await client.ask(ASKING["as tools do"])
    assert found["__schema"]["queryType"]["name"] == "Query"


async def test_a_server_that_does_not_tell_its_schema_says_so_and_does_all_else(silent: Client) -> None:
    for name, query in ASKING.items():
        for _ in range(2):  # what was parsed and validated before is kept
            assert told(await silent.post(query)) == (200, "FORBIDDEN"), name
    assert await silent.ask("{ __typename viewer { __typename } }") == {
        "__typename": "Query",
        "viewer": {"__typename": "Viewer"},
    }
    assert (await silent.ask("query($s: String) { project(slug: $s) { id } }", s="__schema")) == {"project": None}


async def test_it_is_not_told_on_sockets_either(silent: Client) -> None:
    async with acknowledged(silent) as talker:
        await talker.ask("q", ASKING["as tools do"])
        answer = await talker.hear()
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
