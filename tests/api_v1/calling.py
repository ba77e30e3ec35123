"""How tests call `/api/v1`, and what there is to call it for."""

from typing import Any
from uuid import uuid4

import httpx2

from tests.studio import Client

UNKNOWN = "01890000-0000-7000-8000-000000000000"
KEY = {"Idempotency-Key": "0123456789abcdef"}


async def call(
    client: Client, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **query: Any
) -> httpx2.Response:
    sent = {"json": body} if body is not None else {}
    return await client.http.request(method, f"/api/v1{path}", headers=headers, params=query, **sent)


async def get(client: Client, path: str, **query: Any) -> Any:
    """The body of an answer that is there."""
    answer = await call(client, "GET", path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def made(client: Client, prompt: str = "A red kite over the sea", **more: Any) -> dict[str, Any]:
    """A generation that is done."""
    answer = await call(client, "POST", "/generations", {"prompt": prompt, "autoEnhance": False, **more})
    generation: dict[str, Any] = answer.json()
    assert (answer.status_code, generation["status"]) == (201, "success"), generation
    return generation


async def picture(client: Client, prompt: str = "A lighthouse in a storm") -> str:
    """The id of a new image."""
    answer = await client.http.post("/generate", json={"prompt": prompt}, headers={"Prefer": "wait=30"})
    found: str = answer.json()["assets"][0]["id"]
    return found


async def a_flow(client: Client, **aliases: str) -> dict[str, Any]:
    flow = (await call(client, "POST", "/flows", {})).json()
    if aliases:
        named = {f"@{alias}": id_ for alias, id_ in aliases.items()}
        flow = (await call(client, "PUT", f"/flows/{flow['id']}/aliases", {"aliases": named})).json()
    made: dict[str, Any] = flow
    return made


async def key_of(client: Client, **given: Any) -> dict[str, str]:
    """The header of a new key."""
    asked = {"name": "Another", "scopes": ["*"], **given}
    made = await client.ask(
        "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }", input=asked
    )
    return {"X-API-Key": made["createApiKey"]["secret"]}


async def a_project(client: Client) -> str:
    """The id of another project of the same organization."""
    query = "mutation($name: String!) { createProject(input: {name: $name}) { project { id } } }"
    found: str = (await client.ask(query, name=f"Shop {uuid4().hex[:6]}"))["createProject"]["project"]["id"]
    return found


def told(answer: httpx2.Response) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal, which has its trace and a message."""
    error = answer.json()["error"]
    assert error["traceId"] == answer.headers["x-trace-id"]
    assert error["message"]
    return answer.status_code, error["code"], error.get("field")
