"""Pictures asked for by one call, as a program does it."""

from typing import Any

import httpx2

from tests.engine.crew import until
from tests.studio import Client

PROMPT = "A lighthouse in a storm"


async def ask_for(client: Client, *, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
    return await client.http.post("/generate", json={"prompt": PROMPT, **body}, headers=headers)


async def job(client: Client, job_id: str) -> dict[str, Any]:
    answer = await client.http.get(f"/v1/generate/{job_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ended(client: Client, job_id: str) -> dict[str, Any]:
    async def is_over() -> bool:
        return (await job(client, job_id))["status"] in {"success", "failed"}

    await until(is_over)
    return await job(client, job_id)
