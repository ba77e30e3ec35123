"""Workers whose every move a test decides, and the runs they work on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from pydantic import SecretStr
from sqlalchemy import text

from app.parts import Parts, open_parts
from app.settings import Settings
from domain.commands import execute
from domain.events import Envelope
from domain.graphs import Edge, Node
from domain.images import Image
from domain.permissions import engine_actor
from domain.ports import Command, StepJob
from domain.run_commands import StartRun
from domain.runs import Run
from domain.steps import Step
from domain.workflows import CreateWorkflow, Workflow
from engine.reconciler import Reconciler
from engine.worker import Worker, WorkerLimits
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, tenant

LIMIT_SECONDS = 60
POLL_SECONDS = 0.02


def node(id: str, kind: str, **config: Any) -> Node:
    return Node(id=id, kind=kind, config=config)


def edges(*pairs: str) -> list[Edge]:
    """`a>b` or `a.port>b.port`."""
    return [Edge(source=source, target=target) for source, target in (pair.split(">") for pair in pairs)]


async def a_workflow(owner: Tenant, nodes: list[Node], links: list[Edge]) -> Workflow:
    workflow: Workflow = await owner.do(
        CreateWorkflow(project_id=owner.project_id, name="Test", nodes=nodes, edges=links)
    )
    return workflow


async def a_run(owner: Tenant, nodes: list[Node], links: list[Edge], **inputs: Any) -> Run:
    return await start(owner, await a_workflow(owner, nodes, links), **inputs)


async def a_picture(owner: Tenant, **config: Any) -> Run:
    """A run that asks for a prompt, draws it and hands the picture back."""
    nodes = [node("ask", "input", name="prompt"), node("draw", "generate_image", **config), node("show", "output")]
    return await a_run(owner, nodes, edges("ask>draw", "draw>show"), prompt="A red kite over the sea")


async def start(owner: Tenant, workflow: Workflow, **inputs: Any) -> Run:
    run: Run = await owner.do(StartRun(workflow_id=workflow.id, inputs=inputs))
    return run


async def run_of(owner: Tenant, run: Run) -> Run:
    found = await owner.parts.studio.reads.one(Run, owner.actor, id=run.id)
    assert found is not None
    return found


async def steps_of(owner: Tenant, run: Run) -> dict[str, Step]:
    return {step.node_id: step for step in await owner.parts.studio.reads.many(Step, owner.actor, run_id=run.id)}


async def statuses_of(owner: Tenant, run: Run) -> dict[str, str]:
    return {name: str(step.status) for name, step in (await steps_of(owner, run)).items()}


async def images_of(owner: Tenant, run: Run) -> list[Image]:
    return await owner.parts.studio.reads.many(Image, owner.actor, run_id=run.id)


async def events_of(owner: Tenant, run: Run) -> list[Envelope]:
    return await owner.parts.studio.events.of_run(owner.project_id, run.id, 0, most=1_000)


async def finished(owner: Tenant, run: Run) -> Run:
    await until(partial(_is_finished, owner, run))
    return await run_of(owner, run)


async def _is_finished(owner: Tenant, run: Run) -> bool:
    return (await run_of(owner, run)).is_finished


async def until_step(owner: Tenant, run: Run, name: str, status: str) -> Step:
    async def has_status() -> bool:
        return (await steps_of(owner, run))[name].status == status

    await until(has_status)
    return (await steps_of(owner, run))[name]


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    """Of what other tasks do, only the tables tell."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await happened():  # noqa: ASYNC110 - they run elsewhere and set no event
            await asyncio.sleep(POLL_SECONDS)


def a_worker(parts: Parts, **limits: Any) -> Worker:
    given = WorkerLimits(**{"pulse_seconds": 0.1, **limits})
    return Worker(parts.database.begin, parts.leases, parts.turns, parts.toolbox, given)


def a_reconciler(parts: Parts) -> Reconciler:
    return Reconciler(parts.database.begin, parts.leases, lease_seconds=0)


async def jobs_of(parts: Parts) -> list[StepJob]:
    """Take all jobs that are queued, those that are to wait too."""
    async with parts.engine.begin() as connection:
        rows = (
            await connection.execute(text("DELETE FROM pgqueuer WHERE entrypoint = 'step' RETURNING payload"))
        ).scalars()
        return [msgspec.json.decode(row, type=StepJob) for row in rows]


async def work_off(parts: Parts, worker: Worker) -> None:
    """Do all there is to do, and what comes of it, without waiting for any delay."""
    while jobs := await jobs_of(parts):
        await asyncio.gather(*map(worker.do, jobs))


async def work_up_to(parts: Parts, worker: Worker, owner: Tenant, run: Run, name: str) -> StepJob:
    """Do what comes before a step; the job that calls to it is still to be done."""
    while True:
        step = (await steps_of(owner, run))[name]
        for job in await jobs_of(parts):
            if job.step_id == step.id:
                return job
            await worker.do(job)


async def as_engine(owner: Tenant, command: Command[Any]) -> Any:
    return await execute(owner.parts.database.begin, engine_actor(owner.actor.organization_id), command)


@asynccontextmanager
async def pulsing(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.pulse())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def paid_studio(
    settings: Settings, database_url: str, server: OpenAIServer, **changes: Any
) -> AsyncIterator[Tenant]:
    """A tenant whose pictures are made by the OpenAI-compatible server."""
    openai = {"openai_api_key": SecretStr("sk-test"), "openai_base_url": server.base_url, **changes}
    async with open_parts(settings.model_copy(update=openai), database_url, "http://easel.test") as parts:
        yield await tenant(parts)
