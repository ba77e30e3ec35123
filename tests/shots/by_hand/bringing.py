"""How tests start batches that people bring the pictures of, and bring them."""

from typing import Any

import httpx2

from tests.studio import Client
from tests.uploads.sending import PICTURE, send_form

PREFIX = "/api/generate_ai_concept"
KEY = {"Idempotency-Key": "0123456789abcdef"}
UNKNOWN = "01890000-0000-7000-8000-000000000000"
SUBMIT = """mutation($input: SubmitShotImageInput!) { submitShotImage(input: $input) {
    shot { id sequence plan status fileName image { id fileName mimeType } sourceImage { fileName } batch { id } }
} }"""
SHOTS = """query($id: ID!) { shotBatch(id: $id) { status shots { nodes {
    id sequence plan status fileName claim { by } sourceImage { fileName }
} } } }"""


def payload(client: Client, plans: int = 3, **given: Any) -> dict[str, Any]:
    """The specification's own, by hand."""
    return {
        "project_id": client.key.projectSlug,
        "episode": "E202",
        "season": "S02",
        "sequences": [{"sequence_id": "SQ0010", "plans": [f"{10 * n:04}" for n in range(1, plans + 1)]}],
        "style": "ombres_chinoises",
        "workflow_json": "OmbresChinoises.json",
        "params": {"steps": 30, "cfg": 7.5, "lora_strength": 0.9},
        "mode": "manuel",
        **given,
    }


def name(plan: str = "0010", version: int = 1, task: str = "AI-concept", ext: str = "png", **of: str) -> str:
    return f"{of.get('episode', 'E202')}_{of.get('sequence', 'SQ0010')}-{plan}_{task}_v{version:04}.{ext}"


async def post(client: Client, path: str = "", body: Any = None, **more: Any) -> httpx2.Response:
    return await client.http.post(f"{PREFIX}{path}", json={} if body is None else body, **more)


async def started(client: Client, plans: int = 3, **given: Any) -> str:
    answer = await post(client, body=payload(client, plans, **given))
    assert answer.status_code == 202, answer.text
    batch_id: str = answer.json()["batch_id"]
    return batch_id


async def status(client: Client, batch_id: str, **query: Any) -> Any:
    answer = await client.http.get(f"{PREFIX}/status", params={"batch_id": batch_id, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def upload(
    client: Client,
    file_name: str,
    data: bytes = PICTURE,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx2.Response:
    """By REST: the batch."""
    files = {"file": (file_name, data, "image/png")}
    return await client.http.post(f"{PREFIX}/upload", files=files, data=fields, headers=headers)


async def submit(client: Client, file_name: str, data: bytes = PICTURE, **given: Any) -> Any:
    """By GraphQL: the shot, or the first error."""
    operations = {"query": SUBMIT, "variables": {"input": {"file": None, **given}}}
    answer = await send_form(client, operations, {"0": ["variables.input.file"]}, {"0": (file_name, data)})
    told = answer.json()
    if told.get("errors"):
        return told["errors"][0]["extensions"] | {"message": told["errors"][0]["message"]}
    return told["data"]["submitShotImage"]["shot"]


async def shots(client: Client, batch_id: str) -> dict[str, Any]:
    """By their plans."""
    batch = (await client.ask(SHOTS, id=batch_id))["shotBatch"]
    return {shot["plan"]: shot for shot in batch["shots"]["nodes"]}
