"""What can be asked and changed, noun by noun."""

from typing import Any

import pytest

from tests.api.asking import CREATE_ASSET, START, add_asset, finish, start, workflow_id
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

RENAME = """mutation($input: UpdateWorkflowInput!) {
  updateWorkflow(input: $input) { clientMutationId workflow { id name version } }
}"""
COPY = "mutation($id: ID!) { duplicateWorkflow(input: {id: $id}) { workflow { id name version nodes { id } } } }"
BROKEN = {
    "nodes": [
        {"id": "a", "kind": "enhance", "config": {"template": "nope"}},
        {"id": "b", "kind": "no such kind"},
        {"id": "c", "kind": "generate_image", "config": {"aspectRatio": "7:3"}},
    ],
    "edges": [{"source": "a", "target": "nowhere"}],
}
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"


async def _refused(client: Client, query: str, **variables: Any) -> dict[str, Any]:
    with pytest.raises(GraphQLFailure) as failure:
        await client.ask(query, **variables)
    extensions: dict[str, Any] = failure.value.errors[0]["extensions"]
    return extensions


async def test_a_change_for_an_old_version_is_a_conflict_that_tells_the_current_one(client: Client) -> None:
    id_ = await workflow_id(client)
    for expected, name in ((1, "First"), (None, "Second")):
        await client.ask(RENAME, input={"id": id_, "expectedVersion": expected, "name": name})
    refused = await _refused(client, RENAME, input={"id": id_, "expectedVersion": 2, "name": "Late"})
    assert (refused["code"], refused["currentVersion"], refused["field"]) == ("CONFLICT", 3, "expectedVersion")


async def test_a_copy_of_a_workflow_begins_at_version_1(client: Client) -> None:
    copy = (await client.ask(COPY, id=await workflow_id(client)))["duplicateWorkflow"]["workflow"]
    assert (copy["name"], copy["version"], len(copy["nodes"])) == ("Hero image (copy)", 1, 4)


async def test_every_problem_of_a_graph_is_told_at_once(client: Client) -> None:
    query = "query($g: WorkflowGraphInput!) { validateWorkflow(input: $g) { code nodeId } }"
    found = {p["code"] for p in (await client.ask(query, g=BROKEN))["validateWorkflow"]}
    create = "mutation($input: CreateWorkflowInput!) { createWorkflow(input: $input) { workflow { id } } }"
    refused = await _refused(client, create, input={"projectId": client.key.projectId, "name": "x", **BROKEN})
    assert found == {"INVALID_CONFIG", "UNKNOWN_KIND", "UNKNOWN_NODE", "UNREACHABLE", "MISSING_INPUT"}
    assert refused["code"] == "WORKFLOW_INVALID"
    assert {problem["code"] for problem in refused["problems"]} == found


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"prompt": ""}, "inputs.prompt"),
        ({"prompt": "x" * 100_000}, "inputs"),
        ({"prompt": "x" * 5_000}, "inputs.prompt"),
        ({"prompt": 7}, "inputs.prompt"),
        ({"prompt": None}, "inputs.prompt"),
        ({"prompt": "x\u0000"}, "inputs"),
        ({"prompt": "x", "nope": 1}, "inputs.nope"),
        ({}, "inputs.prompt"),
        ([], "inputs"),
        ("x", "inputs"),
    ],
)
async def test_a_run_with_wrong_inputs_is_refused_with_the_field_to_mend(
    client: Client, inputs: Any, field: str
) -> None:
    refused = await _refused(client, START, input={"workflowId": await workflow_id(client), "inputs": inputs})
    assert (refused["code"], refused["field"]) == ("VALIDATION_ERROR", field)


async def test_node_finds_each_noun_by_its_id(client: Client) -> None:
    run = await start(client)
    await finish(client, run["id"])
    asset = await add_asset(client, "x")
    query = """query($run: ID!) {
      viewer { organization { id } } project { id workflows { nodes { id } } }
      run(id: $run) { steps { id } images { id } }
    }"""
    found = await client.ask(query, run=run["id"])
    ids = {
        "Organization": found["viewer"]["organization"]["id"],
        "Project": found["project"]["id"],
        "Workflow": found["project"]["workflows"]["nodes"][0]["id"],
        "Asset": asset,
        "Run": run["id"],
        "RunStep": found["run"]["steps"][0]["id"],
        "Image": found["run"]["images"][0]["id"],
    }
    for kind, id_ in ids.items():
        assert (await client.ask(NODE, id=id_))["node"] == {"__typename": kind, "id": id_}
    for id_ in ("", "x", "\u0000", "0" * 36, ids["Run"][:-1]):
        assert (await client.ask(NODE, id=id_))["node"] is None


async def test_a_repeated_mutation_gives_the_first_answer_and_another_input_a_conflict(client: Client) -> None:
    key = "0123456789abcdef"
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x", "clientMutationId": key}
    first, second = [(await client.ask(CREATE_ASSET, input=given))["createAsset"] for _ in range(2)]
    assert first == second
    assert first["clientMutationId"] == key
    refused = await _refused(client, CREATE_ASSET, input={**given, "label": "y"})
    assert (refused["code"], refused["field"]) == ("CONFLICT", "clientMutationId")


async def test_a_short_mutation_id_is_echoed_and_no_key(client: Client) -> None:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x", "clientMutationId": "1"}
    first, second = [(await client.ask(CREATE_ASSET, input=given))["createAsset"] for _ in range(2)]
    assert first["clientMutationId"] == second["clientMutationId"] == "1"
    assert first["asset"] != second["asset"]


async def test_runs_are_listed_by_status_and_workflow(client: Client) -> None:
    run = await start(client)
    await finish(client, run["id"])
    query = """query($s: [RunStatus!], $w: ID) {
      project {
        runs(status: $s, workflowId: $w) { totalCount }
        workflows { nodes { runs(status: $s) { totalCount } } }
      }
    }"""
    for status, count in ((["SUCCEEDED"], 1), (["FAILED", "CANCELED"], 0), ([], 0), (None, 1)):
        project = (await client.ask(query, s=status, w=await workflow_id(client)))["project"]
        assert project["runs"]["totalCount"] == count
        assert project["workflows"]["nodes"][0]["runs"]["totalCount"] == count
    assert (await client.ask(query, w="x"))["project"]["runs"]["totalCount"] == 0


async def test_a_quote_names_the_cost_of_each_node_and_refuses_what_the_run_would(client: Client) -> None:
    query = "query($input: StartRunInput!) { quote(input: $input) { total nodes { nodeId cost cached } } }"
    given = {"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}}
    assert len((await client.ask(query, input=given))["quote"]["nodes"]) == 4
    assert (await client.ask(query, input={**given, "workflowId": "x"}))["quote"] is None
    with pytest.raises(GraphQLFailure) as failure:
        await client.ask(query, input={**given, "inputs": {}})
    assert failure.value.field == "inputs.prompt"


async def test_node_kinds_say_what_they_take_and_give(client: Client) -> None:
    query = "{ nodeKinds { kind configSchema creditCost inputs { name type } outputs { name } } }"
    kinds = {kind["kind"]: kind for kind in (await client.ask(query))["nodeKinds"]}
    assert kinds["generate_image"]["inputs"] == [{"name": "prompt", "type": "text"}]
    assert "16:9" in kinds["generate_image"]["configSchema"]["properties"]["aspectRatio"]["enum"]


async def test_a_trace_goes_from_the_request_to_its_answer_its_errors_and_its_run(client: Client) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    client.http.headers["traceparent"] = f"00-{trace}-b7ad6b7169203331-01"
    answer = await client.post("{ nope }")
    assert answer.headers["x-trace-id"] == answer.json()["errors"][0]["extensions"]["traceId"] == trace
    assert (await start(client))["traceId"] == trace
    for broken in ("", "x", f"00-{'0' * 32}-b7ad6b7169203331-01", f"ff-{trace}-b7ad6b7169203331-01"):
        client.http.headers["traceparent"] = broken
        assert (await client.post("{ __typename }")).headers["x-trace-id"] != trace
