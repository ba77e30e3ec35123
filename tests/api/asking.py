"""What the tests of the API ask for, and short ways to ask it."""

from typing import Any

import httpx2

from tests.studio import Client

START = """mutation($input: StartRunInput!) { startRun(input: $input) {
  clientMutationId run { id status traceId inputs createdBy workflowVersion }
} }"""
CANCEL = "mutation($id: ID!) { cancelRun(input: {id: $id}) { outcome run { id status } } }"
CREATE_ASSET = "mutation($input: CreateAssetInput!) { createAsset(input: $input) { clientMutationId asset { id } } }"
FINISHED = "subscription($id: ID!) { runUpdated(id: $id) { id status images { id storageUrl cdnUrl } } }"
WORKFLOW = "{ project { workflows { nodes { id version } } } }"


async def workflow_id(client: Client) -> str:
    found: str = (await client.ask(WORKFLOW))["project"]["workflows"]["nodes"][0]["id"]
    return found


async def start(client: Client, prompt: Any = "A red kite", **more: Any) -> dict[str, Any]:
    given = {"workflowId": await workflow_id(client), "inputs": {"prompt": prompt}, **more}
    run: dict[str, Any] = (await client.ask(START, input=given))["startRun"]["run"]
    return run


async def finish(client: Client, run_id: str) -> dict[str, Any]:
    """The run as it is at its end."""
    async with client.live() as live:
        states = [state["runUpdated"] async for state in live.watch(FINISHED, id=run_id)]
    last: dict[str, Any] = states[-1]
    return last


async def add_asset(client: Client, label: str, **more: Any) -> str:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": label, "content": [1], **more}
    asset: str = (await client.ask(CREATE_ASSET, input=given))["createAsset"]["asset"]["id"]
    return asset


async def send(client: Client, body: bytes | str, content_type: str = "application/json", **headers: str) -> Any:
    return await client.http.post("/graphql", content=body, headers={"content-type": content_type, **headers})


def told(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the code of an answer's first error; every error has both its code and its trace."""
    errors = answer.json()["errors"]
    assert all(error["extensions"]["traceId"] == answer.headers["x-trace-id"] for error in errors)
    return answer.status_code, errors[0]["extensions"]["code"]
