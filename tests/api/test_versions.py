"""The versions of a workflow: listed, looked up, compared, restored."""

from typing import Any

import pytest

from tests.api.asking import start, workflow_id
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

RENAME = "mutation($input: UpdateWorkflowInput!) { updateWorkflow(input: $input) { workflow { version } } }"
RESTORE = """mutation($input: RestoreWorkflowInput!) {
  restoreWorkflow(input: $input) { clientMutationId workflow { name version nodes { id config } edges { source } } }
}"""
VERSIONS = """query($w: ID!, $first: Int, $after: String) { workflow(id: $w) { updatedAt
  versions(first: $first, after: $after) {
    totalCount nodes { version name createdAt createdBy } pageInfo { hasNextPage endCursor }
  } } viewer { subject } }"""
AT = """query($w: ID!, $v: Int!) {
  workflow(id: $w) { atVersion(version: $v) { version name nodes { id } edges { target } } }
}"""
COMPARE = """query($w: ID!, $from: Int!, $to: Int!) { compareWorkflowVersions(workflowId: $w, from: $from, to: $to) {
  before { version name } after { version name createdBy }
  nodesAdded { id } nodesRemoved { id } edgesAdded { source target } edgesRemoved { source target }
  nodesChanged { nodeId parts config { path before after } before { label } after { label } }
} }"""
GRAPH = (
    "query($w: ID!) { workflow(id: $w) { nodes { id kind label config position { x y } } edges { source target } } }"
)
UNKNOWN = "01890000-0000-7000-8000-000000000000"


async def _rename(client: Client, id_: str, *names: str) -> None:
    for name in names:
        await client.ask(RENAME, input={"id": id_, "name": name})


async def _listed(client: Client, id_: str, **page: Any) -> Any:
    return (await client.ask(VERSIONS, w=id_, **page))["workflow"]["versions"]


async def _compared(client: Client, id_: str, from_: int, to: int) -> Any:
    return (await client.ask(COMPARE, w=id_, **{"from": from_}, to=to))["compareWorkflowVersions"]


async def _change_graph(client: Client, id_: str) -> None:
    """Version 2: the picture is asked for twice, under another name and without the enhancer."""
    graph = (await client.ask(GRAPH, w=id_))["workflow"]
    nodes = {node["id"]: node for node in graph["nodes"] if node["id"] != "enhance"}
    nodes["picture"].update(label="Two pictures", config=nodes["picture"]["config"] | {"count": 2})
    nodes["notes"] = {"id": "notes", "kind": "input", "config": {"name": "notes", "required": False}}
    edges = [edge for edge in graph["edges"] if "enhance" not in edge["source"] + edge["target"]]
    given = {"id": id_, "name": "Two heroes", "nodes": [*nodes.values()]}
    await client.ask(RENAME, input={**given, "edges": [*edges, {"source": "prompt", "target": "picture"}]})


async def test_versions_are_listed_newest_first_with_who_made_them_and_when(client: Client) -> None:
    id_ = await workflow_id(client)
    await _rename(client, id_, "Second")
    found = await client.ask(VERSIONS, w=id_)
    newest, first = found["workflow"]["versions"]["nodes"]
    assert [(one["version"], one["name"]) for one in (newest, first)] == [(2, "Second"), (1, "Hero image")]
    assert newest["createdBy"] == found["viewer"]["subject"]
    assert newest["createdAt"] == found["workflow"]["updatedAt"] > first["createdAt"]


async def test_versions_come_in_pages_that_stay_while_more_are_made(client: Client) -> None:
    id_ = await workflow_id(client)
    await _rename(client, id_, "b", "c", "d", "e")
    found, after, more = [], None, True
    while more:
        page = await _listed(client, id_, first=2, after=after)
        found.append([one["version"] for one in page["nodes"]])
        more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        await _rename(client, id_, "new")
    assert found == [[5, 4], [3, 2], [1]]
    assert page["totalCount"] == 7


async def test_a_copy_begins_its_own_versions(client: Client) -> None:
    id_ = await workflow_id(client)
    await _rename(client, id_, "Second")
    copy = "mutation($id: ID!) { duplicateWorkflow(input: {id: $id}) { workflow { id } } }"
    copied = (await client.ask(copy, id=id_))["duplicateWorkflow"]["workflow"]["id"]
    assert [one["name"] for one in (await _listed(client, copied))["nodes"]] == ["Second (copy)"]


async def test_a_version_is_found_by_its_number(client: Client) -> None:
    id_ = await workflow_id(client)
    await _change_graph(client, id_)
    for number, name, nodes in ((1, "Hero image", 4), (2, "Two heroes", 4)):
        found = (await client.ask(AT, w=id_, v=number))["workflow"]["atVersion"]
        assert (found["version"], found["name"], len(found["nodes"])) == (number, name, nodes)
    for number in (3, 0, -1, 2**31 - 1):
        assert (await client.ask(AT, w=id_, v=number))["workflow"]["atVersion"] is None


async def test_a_comparison_tells_what_came_what_went_and_what_changed(client: Client) -> None:
    id_ = await workflow_id(client)
    await _change_graph(client, id_)
    found = await _compared(client, id_, 1, 2)
    assert (found["before"], found["after"]["name"]) == ({"version": 1, "name": "Hero image"}, "Two heroes")
    assert (found["nodesAdded"], found["nodesRemoved"]) == ([{"id": "notes"}], [{"id": "enhance"}])
    assert found["edgesAdded"] == [{"source": "prompt", "target": "picture"}]
    assert [edge["source"] for edge in found["edgesRemoved"]] == ["prompt", "enhance"]
    (changed,) = found["nodesChanged"]
    assert (changed["nodeId"], changed["parts"]) == ("picture", ["LABEL", "CONFIG"])
    assert [(one["path"], one["after"]) for one in changed["config"]] == [("count", 2)]
    assert changed["after"] == {"label": "Two pictures"} != changed["before"]


async def test_a_comparison_the_other_way_tells_the_opposite(client: Client) -> None:
    id_ = await workflow_id(client)
    await _change_graph(client, id_)
    there, back = await _compared(client, id_, 1, 2), await _compared(client, id_, 2, 1)
    assert (there["nodesAdded"], there["edgesAdded"]) == (back["nodesRemoved"], back["edgesRemoved"])
    same = await _compared(client, id_, 2, 2)
    assert not any(same[name] for name in same if name not in {"before", "after"})


@pytest.mark.parametrize(
    ("from_", "to", "field"), [(9, 1, "from"), (1, 9, "to"), (0, -1, "from"), (1, 2**31 - 1, "to")]
)
async def test_a_comparison_with_a_version_that_never_was_names_the_argument(
    client: Client, from_: int, to: int, field: str
) -> None:
    with pytest.raises(GraphQLFailure, match="its newest is 1") as failure:
        await _compared(client, await workflow_id(client), from_, to)
    assert (failure.value.code, failure.value.field) == ("VALIDATION_ERROR", field)


async def test_an_older_version_is_restored_as_a_new_one(client: Client) -> None:
    id_ = await workflow_id(client)
    await _change_graph(client, id_)
    restored = (await client.ask(RESTORE, input={"id": id_, "version": 1, "clientMutationId": "x"}))["restoreWorkflow"]
    assert (restored["workflow"]["version"], restored["workflow"]["name"]) == (3, "Hero image")
    assert restored["clientMutationId"] == "x"
    found = await _compared(client, id_, 1, 3)
    assert not any(found[name] for name in found if name not in {"before", "after"})
    assert [one["version"] for one in (await _listed(client, id_))["nodes"]] == [3, 2, 1]
    assert (await start(client))["workflowVersion"] == 3


async def test_restoring_the_newest_version_makes_another_like_it(client: Client) -> None:
    id_ = await workflow_id(client)
    restored = (await client.ask(RESTORE, input={"id": id_, "version": 1}))["restoreWorkflow"]["workflow"]
    assert (restored["version"], restored["name"]) == (2, "Hero image")


async def test_a_restoration_repeated_with_its_key_makes_one_version(client: Client) -> None:
    id_ = await workflow_id(client)
    await _rename(client, id_, "Second")
    given = {"id": id_, "version": 1, "clientMutationId": "0123456789abcdef"}
    first, second = [(await client.ask(RESTORE, input=given))["restoreWorkflow"] for _ in range(2)]
    assert first == second
    assert (await _listed(client, id_))["totalCount"] == 3


async def test_a_restoration_for_an_old_version_is_a_conflict_and_changes_nothing(client: Client) -> None:
    id_ = await workflow_id(client)
    await _rename(client, id_, "Second", "Third")
    with pytest.raises(GraphQLFailure) as failure:
        await client.ask(RESTORE, input={"id": id_, "version": 1, "expectedVersion": 2})
    refused = failure.value.errors[0]["extensions"]
    assert (refused["code"], refused["currentVersion"], refused["field"]) == ("CONFLICT", 3, "expectedVersion")
    assert (await _listed(client, id_))["nodes"][0]["name"] == "Third"


@pytest.mark.parametrize("version", [2, 0, -1, 2**31 - 1])
async def test_a_version_that_never_was_cannot_be_restored(client: Client, version: int) -> None:
    with pytest.raises(GraphQLFailure, match="its newest is 1") as failure:
        await client.ask(RESTORE, input={"id": await workflow_id(client), "version": version})
    assert (failure.value.code, failure.value.field) == ("WORKFLOW_NOT_FOUND", "version")


async def test_the_versions_of_anothers_workflow_do_not_exist(client: Client, spy: Client) -> None:
    id_ = await workflow_id(client)
    await _rename(client, id_, "Second")
    for who, asked in ((spy, id_), (client, UNKNOWN), (client, "x")):
        assert (await who.ask(VERSIONS, w=asked))["workflow"] is None
        assert await _compared(who, asked, 1, 2) is None
        with pytest.raises(GraphQLFailure) as failure:
            await who.ask(RESTORE, input={"id": asked, "version": 1})
        assert failure.value.code == "WORKFLOW_NOT_FOUND"
    assert (await _listed(client, id_))["totalCount"] == 2
