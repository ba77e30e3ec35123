"""Live URLs as visitors of a site open them."""

from typing import Any

import httpx2

from tests.studio import Client


async def visit(client: Client, scope: str = "hero", **query: Any) -> httpx2.Response:
    path = f"{client.url}/cdn/{client.key.organizationSlug}/{client.key.projectSlug}/live/{scope}"
    return await client.http.get(path, params={"prompt": "mountain landscape", **query}, timeout=60)


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
