"""People of an organization: what lets them in, and the server as they see it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2

from domain.ids import Id
from domain.permissions import Role
from gateway.tokens import write_token
from tests.studio import Client

SET = """mutation($input: SetMemberInput!) { setMember(input: $input) {
  clientMutationId project { slug team { subject name role } }
} }"""


async def set_member(client: Client, subject: str, role: str, **more: Any) -> dict[str, Any]:
    given = {"projectId": client.key.projectId, "subject": subject, "role": role, **more}
    found: dict[str, Any] = (await client.ask(SET, input=given))["setMember"]
    return found


@asynccontextmanager
async def person(
    client: Client, subject: str, role: Role | None = None, project_id: str | None = None
) -> AsyncIterator[Client]:
    """The same server, as someone of the organization with a token sees it; `project_id` is the token's own."""
    organization = await client.parts.credentials.organization(client.key.organizationSlug)
    assert organization
    token = write_token(
        client.parts.secrets.token_key,
        subject=subject,
        role=role,
        organization_id=organization.id,
        project_id=Id(project_id or client.key.projectId),
        valid=timedelta(hours=1),
    )
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=client.url, headers=headers, timeout=30) as http:
        yield Client(client.url, client.key, http, client.parts)
