"""Runs of a chain of steps that do nothing, and when each of them began."""

import asyncio
import itertools
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from app.parts import Parts
from app.seed import ensure_tenant
from domain.commands import execute
from domain.graphs import Edge, Node
from domain.ids import Id
from domain.permissions import Actor, operator_actor
from domain.run_commands import StartRun
from domain.runs import Run
from domain.workflows import CreateWorkflow, Workflow
from streams.feeds.hub import Follower

STEPS = 6
LIMIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Chain:
    """A workflow of so many steps in a line."""

    parts: Parts
    actor: Actor
    workflow: Workflow
    steps: int = STEPS

    @classmethod
    async def made(cls, parts: Parts, project_slug: str) -> "Chain":
        project = await ensure_tenant(parts, "bench", project_slug)
        actor = operator_actor(project.organization_id)
        names = [f"step-{number}" for number in range(STEPS)]
        nodes = [Node(id=names[0], kind="input", config={"name": "text", "default": "x"})]
        nodes += [Node(id=name, kind="prompt", config={"template": "{{text}}"}) for name in names[1:]]
        edges = [Edge(source=one, target=next_) for one, next_ in itertools.pairwise(names)]
        command = CreateWorkflow(project_id=project.id, name="Chain", nodes=nodes, edges=edges)
        return cls(parts, actor, await execute(parts.database.begin, actor, command))

    async def start(self) -> Run:
        command = StartRun(workflow_id=self.workflow.id, inputs={"text": "x"})
        return await execute(self.parts.database.begin, self.actor, command)

    async def one(self) -> list[datetime]:
        """When the run was committed, and when each of its steps began."""
        run = await self.start()
        committed = datetime.now(run.created_at.tzinfo)
        await self.finished()
        query = text("SELECT started_at FROM steps WHERE run_id = :run_id ORDER BY started_at")
        async with self.parts.engine.connect() as connection:
            return [committed, *(await connection.execute(query, {"run_id": run.id})).scalars()]

    async def finished(self) -> float:
        """Seconds until all of its runs are."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self.parts.studio.hub.follow([self.workflow.project_id], {}) as follower:
            await _all_finished(follower, await self._left())
        return loop.time() - began

    async def _left(self) -> set[Id]:
        query = text("SELECT id::text FROM runs WHERE finished_at IS NULL AND workflow_id = :workflow_id")
        async with self.parts.engine.connect() as connection:
            return {Id(id_) for id_ in (await connection.execute(query, {"workflow_id": self.workflow.id})).scalars()}


async def _all_finished(follower: Follower, left: set[Id]) -> None:
    batches = follower.batches()
    async with asyncio.timeout(LIMIT_SECONDS):
        while left:
            batch, _ = await anext(batches)
            for envelope in batch:
                follower.positions[envelope.event.project_id] = envelope.seq
                if envelope.event.event == "run.completed":
                    left.discard(envelope.event.subject_id)
