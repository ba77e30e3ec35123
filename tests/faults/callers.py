"""Who calls a running server: GraphQL over HTTP, and a listener that can be cut off and go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx2
from websockets.exceptions import ConnectionClosed

from app.cli.live import Live
from app.seed import DevelopmentKey
from domain.errors import DomainError
from tests.studio import GraphQLFailure

LIMIT_SECONDS = 60
POLL_SECONDS = 0.02

_WORKFLOW = "mutation($input: CreateWorkflowInput!) { createWorkflow(input: $input) { workflow { id } } }"
_START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }"
_RUN = """
query($id: ID!) { run(id: $id) {
  status error { code } steps { id nodeId status attempt } images { id storageUrl }
  events(first: 100) { nodes { event payload } }
} }
"""
_STREAM = """
subscription($channels: [ChannelInput!]!, $after: String) {
  stream(channels: $channels, after: $after) { cursor event payload }
}
"""
# What tells one event of a run from all others.
Told = tuple[str, str, int]


def told(event: dict[str, Any]) -> Told:
    return event["event"], event["payload"]["id"], event["payload"]["version"]


@dataclass(frozen=True, slots=True)
class Caller:
    http: httpx2.AsyncClient
    key: DevelopmentKey

    async def ask(self, query: str, **variables: Any) -> Any:
        answer = (await self.http.post("/graphql", json={"query": query, "variables": variables})).json()
        if answer.get("errors"):
            raise GraphQLFailure(answer["errors"])
        return answer["data"]

    async def workflow(self, *, pictures: int) -> str:
        """A workflow that draws so many pictures in one step; without any it is done in no time."""
        kinds = ["input", *(["generate_image"] if pictures else []), "output"]
        configs = {"input": {"name": "prompt"}, "generate_image": {"count": pictures}, "output": {"name": "result"}}
        nodes = [{"id": kind, "kind": kind, "config": configs[kind]} for kind in kinds]
        edges = [{"source": source, "target": target} for source, target in pairwise(kinds)]
        project = {"projectId": self.key.projectId, "name": "Pictures"}
        made = await self.ask(_WORKFLOW, input={**project, "nodes": nodes, "edges": edges})
        return str(made["createWorkflow"]["workflow"]["id"])

    async def start(self, workflow_id: str, mutation_id: str | None = None) -> str:
        words = {"workflowId": workflow_id, "inputs": {"prompt": "A heron in the reeds"}}
        made = await self.ask(_START, input={**words, "clientMutationId": mutation_id or str(uuid4())})
        return str(made["startRun"]["run"]["id"])

    async def run(self, run_id: str) -> Any:
        return (await self.ask(_RUN, id=run_id))["run"]

    async def finished(self, run_id: str) -> Any:
        return await self.until(run_id, lambda run: run["status"] in {"SUCCEEDED", "FAILED", "CANCELED"})

    async def until_drawing(self, run_id: str) -> Any:
        return await self.until(run_id, lambda run: run["steps"][1]["status"] == "RUNNING")

    async def until(self, run_id: str, holds: Callable[[Any], bool]) -> Any:
        return await until(lambda: self.run(run_id), holds)


async def until(look: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool] = bool) -> Any:
    """What was seen when it held; a server that is away meanwhile is asked again."""
    seen: Any = None
    with suppress(TimeoutError):
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                with suppress(httpx2.HTTPError, GraphQLFailure):
                    if holds(seen := await look()):
                        return seen
                await asyncio.sleep(POLL_SECONDS)
    raise AssertionError(f"it never came to be; the last that was seen: {seen}")


@asynccontextmanager
async def calling(key: DevelopmentKey) -> AsyncIterator[Caller]:
    async with httpx2.AsyncClient(
        base_url=key.url, headers={"X-API-Key": key.apiKey}, timeout=10, trust_env=False
    ) as http:
        yield Caller(http, key)


@dataclass(slots=True)
class Listener:
    """Follows a project, and after each cut goes on from its cursor."""

    key: DevelopmentKey
    cursor: str | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0

    async def listen(self) -> None:
        while True:
            with suppress(OSError, ConnectionClosed, DomainError, TimeoutError):
                async with Live(self.key.url, self.key.apiKey) as live:
                    self.connections += 1
                    async for update in live.watch(_STREAM, channels=[{"name": "RUNS"}], after=self.cursor):
                        event = update["stream"]
                        self.cursor = event["cursor"]
                        self.heard.append(event)
            await asyncio.sleep(POLL_SECONDS)

    def of_run(self, run_id: str) -> list[Told]:
        return [
            told(event) for event in self.heard if run_id in {event["payload"].get("runId"), event["payload"]["id"]}
        ]


@asynccontextmanager
async def listening(caller: Caller) -> AsyncIterator[Listener]:
    """Somebody who listens while the block lasts, and has begun to."""
    listener, workflow_id = Listener(caller.key), await caller.workflow(pictures=0)
    task = asyncio.create_task(listener.listen())

    async def heard() -> bool:
        await caller.start(workflow_id)
        return bool(listener.heard)

    try:
        await until(heard)
        yield listener
    finally:
        task.cancel()
        await asyncio.wait({task})
