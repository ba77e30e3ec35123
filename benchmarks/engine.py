"""
The engine's own cost, with the provider's time taken out: a chain of steps that do nothing.

    .venv/bin/python -m benchmarks.engine [--runs 200]

Prints steps a second of one worker process, the time from one step to the next, and the time from the commit of
`startRun` to its first step, on an embedded PostgreSQL that flushes to disk as in production.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
from datetime import datetime
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import text

from app.embedded.postgres import embedded_postgres
from app.parts import Parts, open_parts
from app.seed import ensure_tenant
from app.settings import Settings
from app.working import working
from domain.commands import execute
from domain.graphs import Edge, Node
from domain.ids import Id
from domain.permissions import Actor, operator_actor
from domain.run_commands import StartRun
from domain.runs import Run
from domain.workflows import CreateWorkflow, Workflow
from streams.feeds import Follower

STEPS = 6
LIMIT_SECONDS = 300

terminal = Console()


async def main(runs: int, database_url: str, data: Path) -> None:
    async with open_parts(Settings(data_dir=data, log_format="json"), database_url, "http://127.0.0.1") as parts:
        actor = operator_actor((await ensure_tenant(parts, "bench", "engine")).organization_id)
        workflow = await _chain(parts, actor)
        async with working(parts):
            alone = [await _one(parts, actor, workflow) for _ in track(range(min(runs, 50)), "One run at a time")]
            together = await _together(parts, actor, workflow, runs)
        _print(alone, together, runs)


async def _chain(parts: Parts, actor: Actor) -> Workflow:
    project = await ensure_tenant(parts, "bench", "engine")
    names = [f"step-{number}" for number in range(STEPS)]
    nodes = [Node(id=names[0], kind="input", config={"name": "text", "default": "x"})]
    nodes += [Node(id=name, kind="prompt", config={"template": "{{text}}"}) for name in names[1:]]
    edges = [Edge(source=one, target=next_) for one, next_ in itertools.pairwise(names)]
    command = CreateWorkflow(project_id=project.id, name="Chain", nodes=nodes, edges=edges)
    return await execute(parts.database.begin, actor, command)


async def _start(parts: Parts, actor: Actor, workflow: Workflow) -> Run:
    return await execute(parts.database.begin, actor, StartRun(workflow_id=workflow.id, inputs={"text": "x"}))


async def _all_finished(follower: Follower, runs: set[Id]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        async for batch, _ in follower.batches():
            for envelope in batch:
                follower.positions[envelope.event.project_id] = envelope.seq
                if envelope.event.event == "run.completed":
                    runs.discard(envelope.event.subject_id)
            if not runs:
                return


async def _one(parts: Parts, actor: Actor, workflow: Workflow) -> list[datetime]:
    """When the run was committed, and when each of its steps began."""
    async with parts.studio.hub.follow([workflow.project_id], {}) as follower:
        run = await _start(parts, actor, workflow)
        committed = datetime.now(run.created_at.tzinfo)
        await _all_finished(follower, {run.id})
    query = text("SELECT started_at FROM steps WHERE run_id = :run_id ORDER BY started_at")
    async with parts.engine.connect() as connection:
        return [committed, *(await connection.execute(query, {"run_id": run.id})).scalars()]


async def _together(parts: Parts, actor: Actor, workflow: Workflow, runs: int) -> float:
    """Seconds from the first start to the last end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with parts.studio.hub.follow([workflow.project_id], {}) as follower:
        started = [await _start(parts, actor, workflow) for _ in track(range(runs), "Many runs at once")]
        await _all_finished(follower, {run.id for run in started})
    return loop.time() - began


def _print(alone: list[list[datetime]], seconds: float, runs: int) -> None:
    first = [(moments[1] - moments[0]).total_seconds() * 1000 for moments in alone]
    between = [
        (later - earlier).total_seconds() * 1000 for moments in alone for earlier, later in itertools.pairwise(moments)
    ]
    table = Table("figure", "p50", "p99", title=f"{runs} runs of {STEPS} steps")
    for name, values in (("startRun's commit to its first step, ms", first), ("one step to the next, ms", between)):
        hundredths = statistics.quantiles(values, n=100)
        table.add_row(name, f"{hundredths[49]:.1f}", f"{hundredths[98]:.1f}")
    terminal.print(table)
    terminal.print(f"{runs * STEPS / seconds:.0f} steps a second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, embedded_postgres(Path(directory)) as server:
        uvloop.run(main(arguments.runs, server.url, Path(directory)))
