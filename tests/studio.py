"""What tests build and speak with: a tenant, a server with workers, a client of GraphQL over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from app.cli.live import Live
from app.parts import Parts
from app.seed import DevelopmentKey, development_key, hero_image
from app.serving import running
from app.settings import Settings
from domain.claiming import Caps, ClaimStep
from domain.commands import execute
from domain.ids import Id
from domain.permissions import Actor, operator_actor
from domain.ports import Command, StepJob
from domain.workflows import Workflow
from engine.outbound.sender import authorities_of_the_system


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization with a project, and someone who may do everything in it."""

    parts: Parts
    actor: Actor
    project_id: Id
    key: DevelopmentKey

    async def do(self, command: Command[Any]) -> Any:
        return await execute(self.parts.database.begin, self.actor, command)

    async def hero_image(self) -> Workflow:
        workflow: Workflow = await self.do(hero_image(self.project_id))
        return workflow


async def tenant(parts: Parts, organization: str = "acme", project: str = "website") -> Tenant:
    key = await development_key(parts, organization, project, parts.studio.public_url)
    actor = await parts.identity.of(key.apiKey, None, "0" * 32)
    return Tenant(parts, actor, Id(key.projectId), key)


async def newcomer(parts: Parts, project: str = "website") -> Tenant:
    """A tenant whose organization nobody has seen before."""
    return await tenant(parts, f"newcomer-{uuid4().hex}", project)


def claim_of(parts: Parts, job: StepJob, lease_seconds: float = 60.0) -> ClaimStep:
    """A worker's claim on a step, with room for as many as there are."""
    return ClaimStep(
        run_id=job.run_id,
        step_id=job.step_id,
        epoch=job.epoch,
        lease_seconds=lease_seconds,
        caps=Caps(project=1_000, provider=1_000),
    )


def operator_of(one: Tenant) -> Actor:
    return operator_actor(one.actor.organization_id)


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks GraphQL with a running server as one key's bearer."""

    url: str
    key: DevelopmentKey
    http: httpx2.AsyncClient
    parts: Parts

    async def post(self, query: str, **variables: Any) -> httpx2.Response:
        return await self.http.post("/graphql", json={"query": query, "variables": variables})

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of the answer; its first error as a DomainError's code and message."""
        answer = (await self.post(query, **variables)).json()
        if answer.get("errors"):
            raise GraphQLFailure(answer["errors"])
        return answer["data"]

    def live(self) -> Live:
        return Live(self.url, self.key.apiKey)


class GraphQLFailure(Exception):
    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors
        self.code: str = errors[0]["extensions"]["code"]
        self.field: str | None = errors[0]["extensions"].get("field")


@asynccontextmanager
async def serving(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A server with its workers on a real socket, and a client of acme/website."""
    async with running(settings, database_url) as (parts, url), client_of(parts, url) as client:
        yield client


@asynccontextmanager
async def client_of(
    parts: Parts, url: str, organization: str = "acme", project: str = "website"
) -> AsyncIterator[Client]:
    key = await development_key(parts, organization, project, url)
    headers = {"X-API-Key": key.apiKey}
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, timeout=30, verify=authorities_of_the_system()
    ) as http:
        yield Client(url, key, http, parts)
