"""What belongs to another organization does not exist, nor does what belongs to another project of one's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from tests.api.asking import add_asset, finish, start, workflow_id
from tests.api.people import person, set_member
from tests.studio import Client, client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "A red kite that nobody else may see"
READS = [
    "node(id: $run) { id }",
    "node(id: $project) { id }",
    "node(id: $image) { id }",
    "project(id: $project) { id }",
    "workflow(id: $workflow) { id }",
    "asset(id: $asset) { id }",
    "run(id: $run) { id }",
    "image(id: $image) { id }",
    'quote(input: {workflowId: $workflow, inputs: {prompt: "x"}}) { total }',
]
CHANGES = {
    'updateProject(input: {id: $project, name: "x"}) { project { id } }': "PROJECT_NOT_FOUND",
    'createWorkflow(input: {projectId: $project, name: "x", nodes: [], edges: []}) { workflow { id } }': (
        "PROJECT_NOT_FOUND"
    ),
    'updateWorkflow(input: {id: $workflow, name: "x"}) { workflow { id } }': "WORKFLOW_NOT_FOUND",
    "duplicateWorkflow(input: {id: $workflow}) { workflow { id } }": "WORKFLOW_NOT_FOUND",
    'createAsset(input: {projectId: $project, type: DATASET, label: "x"}) { asset { id } }': "PROJECT_NOT_FOUND",
    'updateAsset(input: {id: $asset, label: "x"}) { asset { id } }': "ASSET_NOT_FOUND",
    'startRun(input: {workflowId: $workflow, inputs: {prompt: "x"}}) { run { id } }': "WORKFLOW_NOT_FOUND",
    "cancelRun(input: {id: $run}) { run { id } }": "RUN_NOT_FOUND",
}


CREATE = 'mutation { createProject(input: {name: "Spy"}) { project { id } } }'


@asynccontextmanager
async def _colleague(client: Client) -> AsyncIterator[Client]:
    """Someone who owns another project of the same organization."""
    project = (await client.ask(CREATE))["createProject"]["project"]["id"]
    await set_member(client, "eve", "OWNER", projectId=project)
    async with person(client, "eve", project_id=project) as colleague:
        yield colleague


STRANGERS: dict[str, Callable[[Client], AbstractAsyncContextManager[Client]]] = {
    "of another organization": lambda client: client_of(
        client.parts, client.url, f"rival-of-{client.key.organizationSlug}", "spy"
    ),
    "of another project": _colleague,
}


@pytest_asyncio.fixture(params=STRANGERS, loop_scope="module")
async def spy(client: Client, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """The same server, seen by someone who must see nothing of this project."""
    async with STRANGERS[request.param](client) as stranger:
        yield stranger


async def _of_acme(client: Client) -> dict[str, str]:
    run = await start(client, SECRET)
    image = (await finish(client, run["id"]))["images"][0]["id"]
    project, workflow = client.key.projectId, await workflow_id(client)
    asset = await add_asset(client, "secret")
    return {"project": project, "workflow": workflow, "run": run["id"], "image": image, "asset": asset}


def _operation(kind: str, field: str) -> str:
    used = {name for name in ("project", "workflow", "run", "image", "asset") if f"${name}" in field}
    return f"{kind}({', '.join(f'${name}: ID!' for name in sorted(used))}) {{ it: {field} }}"


async def _ask(client: Client, kind: str, field: str, ids: dict[str, str]) -> Any:
    """The answer, without what it cost."""
    answer = (await client.post(_operation(kind, field), **ids)).json()
    return {name: value for name, value in answer.items() if name != "extensions"}


async def test_reads_of_anothers_ids_find_nothing(client: Client, spy: Client) -> None:
    ids = await _of_acme(client)
    for field in READS:
        assert (await _ask(spy, "query", field, ids))["data"] == {"it": None}
        assert (await _ask(client, "query", field, ids))["data"]["it"]


async def test_changes_of_anothers_ids_are_not_found_and_change_nothing(client: Client, spy: Client) -> None:
    ids = await _of_acme(client)
    for field, code in CHANGES.items():
        refused = await _ask(spy, "mutation", field, ids)
        assert (refused["data"], refused["errors"][0]["extensions"]["code"]) == (None, code)
    names = "query($w: ID!) { project { name } workflow(id: $w) { name version } }"
    assert await client.ask(names, w=ids["workflow"]) == {
        "project": {"name": "Website"},
        "workflow": {"name": "Hero image", "version": 1},
    }


async def test_unknown_ids_are_as_unknown_as_anothers(client: Client) -> None:
    unknown = dict.fromkeys(("project", "workflow", "run", "image", "asset"), "01890000-0000-7000-8000-000000000000")
    for field in READS:
        assert (await _ask(client, "query", field, unknown))["data"] == {"it": None}
    for field, code in CHANGES.items():
        assert (await _ask(client, "mutation", field, unknown))["errors"][0]["extensions"]["code"] == code


async def test_lists_hold_ones_own_alone(client: Client, spy: Client) -> None:
    ids = await _of_acme(client)
    query = """{ projects { nodes { slug runs { totalCount } images { totalCount } assets { totalCount } } } }"""
    nothing = {"totalCount": 0}
    assert (await spy.ask(query))["projects"]["nodes"] == [
        {"slug": "spy", "runs": nothing, "images": nothing, "assets": nothing}
    ]
    other = "query($w: ID!) { project { runs(workflowId: $w) { totalCount } } }"
    assert (await spy.ask(other, w=ids["workflow"]))["project"]["runs"] == nothing
