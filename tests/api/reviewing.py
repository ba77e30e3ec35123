"""Runs that wait for people, made and answered over GraphQL, and the people who do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from domain.ids import Id
from domain.permissions import Role
from gateway.tokens import write_token
from tests.studio import Client, GraphQLFailure

CREATE = "mutation($input: CreateWorkflowInput!) { createWorkflow(input: $input) { workflow { id } } }"
START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }"
STATUS = "subscription($id: ID!) { runUpdated(id: $id) { status } }"
STEPS = """query($run: ID!) { run(id: $run) { steps { id nodeId status outputs claim { by expiresAt } form {
  token title instructions schema decisions candidates { id storageUrl } fewest most assignee dueAt
} } } }"""
SUBMIT = "mutation($input: SubmitStepInput!) { submitStep(input: $input) { clientMutationId run { id status } } }"
CLAIM = "mutation($input: ClaimInput!) { claim(input: $input) { claim { by since expiresAt } } }"
RELEASE = "mutation($input: ReleaseClaimInput!) { releaseClaim(input: $input) { claim { by } } }"
WORDS = {"type": "object", "properties": {"words": {"type": "string"}}, "additionalProperties": False}


async def start_review(client: Client, **config: Any) -> str:
    """A run that draws two pictures and asks which is the better one."""
    nodes = [
        {"id": "ask", "kind": "input", "config": {"name": "prompt", "type": "text"}},
        {"id": "draw", "kind": "generate_image", "config": {"count": 2, "aspectRatio": "1:1"}},
        {"id": "look", "kind": "human_review", "config": {"title": "Which?", "form": WORDS, **config}},
        {"id": "show", "kind": "output", "config": {}},
    ]
    pairs = (("ask", "draw"), ("draw.images", "look.candidates"), ("look.image", "show"))
    edges = [{"source": source, "target": target} for source, target in pairs]
    given = {"projectId": client.key.projectId, "name": "Review", "nodes": nodes, "edges": edges}
    workflow = (await client.ask(CREATE, input=given))["createWorkflow"]["workflow"]["id"]
    run = await client.ask(START, input={"workflowId": workflow, "inputs": {"prompt": "A red kite"}})
    id_: str = run["startRun"]["run"]["id"]
    return id_


async def a_review(client: Client, **config: Any) -> tuple[str, dict[str, Any]]:
    """Such a run that waits, and the step that does."""
    run = await start_review(client, **config)
    async with client.live() as live:
        async for state in live.watch(STATUS, id=run):
            if state["runUpdated"]["status"] == "WAITING":
                break
    return run, await look_at(client, run)


async def look_at(client: Client, run: str) -> dict[str, Any]:
    steps = (await client.ask(STEPS, run=run))["run"]["steps"]
    return next(step for step in steps if step["nodeId"] == "look")


@asynccontextmanager
async def person(client: Client, name: str, role: Role = Role.REVIEWER) -> AsyncIterator[Client]:
    """The same server, asked by a member of acme."""
    token = write_token(
        client.parts.secrets.token_key,
        subject=name,
        role=role,
        organization_id=await organization_id(client),
        project_id=Id(client.key.projectId),
        valid=timedelta(hours=1),
    )
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=client.url, headers=headers, timeout=30) as http:
        yield replace(client, http=http)


async def organization_id(client: Client) -> Id:
    return Id((await client.ask("{ viewer { organization { id } } }"))["viewer"]["organization"]["id"])


def answer(step: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An answer that the form takes, but for these changes."""
    chosen = [step["form"]["candidates"][1]["id"]]
    return {
        "stepId": step["id"],
        "token": step["form"]["token"],
        "decision": "approve",
        "chosenImageIds": chosen,
        **changes,
    }


async def submit(client: Client, given: dict[str, Any]) -> Any:
    return (await client.ask(SUBMIT, input=given))["submitStep"]


async def refused(client: Client, query: str, given: Any) -> GraphQLFailure:
    with pytest.raises(GraphQLFailure) as failure:
        await client.ask(query, input=given)
    return failure.value
