"""Whose turn it is: projects one after the other, the urgent before the rest, never more at once than is allowed."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from app.parts import Parts
from domain.circuits import FAILURES_TO_OPEN
from domain.commands import execute
from domain.ids import Id
from domain.permissions import engine_actor
from domain.ports import StepJob
from domain.run_commands import StartRun
from domain.runs import Run
from domain.steps import Step
from domain.workflows import Workflow
from providers.sketch import Sketch
from storage.turns import Limits, Turns
from tests.engine.crew import a_picture, a_run, a_worker, a_workflow, edges, finished, jobs_of, node, steps_of
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of, tenant

PLENTY = Limits(project=100, provider=100, asks={"generate_image": Sketch().image_terms})


async def words(owner: Tenant) -> Workflow:
    return await a_workflow(owner, [node("ask", "input", name="prompt"), node("show", "output")], edges("ask>show"))


async def started(owner: Tenant, workflow: Workflow, priority: int = 0) -> Run:
    run: Run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, priority=priority))
    return run


async def backlog(owner: Tenant, run: Run, steps: int) -> None:
    """So many more steps of the run that could begin at once."""
    columns = [column for column in await _columns(owner.parts) if column not in {"id", "node_id"}]
    copied = ", ".join(columns)
    statement = (
        f"INSERT INTO steps (id, node_id, {copied}) SELECT gen_random_uuid(), 'more-' || n, {copied} "  # noqa: S608
        "FROM steps, generate_series(1, :steps) AS n WHERE run_id = :run_id AND node_id = 'ask'"
    )
    async with owner.parts.engine.begin() as connection:
        await connection.execute(text(statement), {"steps": steps, "run_id": run.id})
        await connection.execute(text("ANALYZE steps"))


async def _columns(parts: Parts) -> list[str]:
    query = text("SELECT column_name FROM information_schema.columns WHERE table_name = 'steps'")
    async with parts.engine.connect() as connection:
        return list((await connection.execute(query)).scalars())


def turns_of(parts: Parts, limits: Limits = PLENTY) -> Turns:
    return Turns(parts.engine, limits)


async def claim(parts: Parts, turn: StepJob) -> None:
    await execute(parts.database.begin, engine_actor(turn.organization_id), claim_of(parts, turn))


async def runs_in_turn(turns: Turns, count: int) -> list[Id | None]:
    return [turn.run_id if (turn := await turns.next()) else None for _ in range(count)]


async def test_projects_take_turns_however_much_one_of_them_wants(parts: Parts) -> None:
    busy, quiet = await tenant(parts), await tenant(parts, "rival", "spy")
    run = await started(busy, await words(busy))
    await backlog(busy, run, 10_000)
    turns = turns_of(parts)
    assert await runs_in_turn(turns, 3) == [run.id] * 3
    other = await started(quiet, await words(quiet))
    assert other.id in await runs_in_turn(turns, 2)
    assert await runs_in_turn(turns, 2) == [run.id] * 2


async def test_a_step_is_given_once_and_again_where_nobody_claims_it(parts: Parts) -> None:
    owner = await tenant(parts)
    await started(owner, await words(owner))
    turn = await turns_of(parts).next()
    assert turn is not None
    assert await turns_of(parts).next() is None
    async with parts.engine.begin() as connection:
        await connection.execute(text("UPDATE steps SET available_at = now()"))
    assert await turns_of(parts).next() == turn


async def test_many_who_look_at_once_are_each_given_another_step(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await words(owner)
    runs = {(await started(owner, workflow)).id for _ in range(10)}
    given = await asyncio.gather(*(turns_of(parts).next() for _ in range(12)))
    assert sorted(turn.run_id for turn in given if turn) == sorted(runs)


async def test_the_urgent_goes_first_and_then_the_oldest_run(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await words(owner)
    low, old, new, urgent = [await started(owner, workflow, priority) for priority in (-100, 0, 0, 100)]
    assert await runs_in_turn(turns_of(parts), 4) == [urgent.id, old.id, new.id, low.id]


async def test_the_urgent_of_one_project_does_not_go_before_the_turn_of_another(parts: Parts) -> None:
    pushy, patient = await tenant(parts), await tenant(parts, "rival", "spy")
    workflow = await words(pushy)
    pushed = {(await started(pushy, workflow, 100)).id for _ in range(4)}
    other = await started(patient, await words(patient), -100)
    assert other.id in (await runs_in_turn(turns_of(parts), 2))
    assert pushed


async def test_a_project_holds_no_more_steps_than_it_may(parts: Parts) -> None:
    owner, other = await tenant(parts), await tenant(parts, "rival", "spy")
    workflow = await words(owner)
    for _ in range(5):
        await started(owner, workflow)
    theirs = await started(other, await words(other))
    turns = turns_of(parts, replace(PLENTY, project=2))
    seen = []
    while turn := await turns.next():
        await claim(parts, turn)
        seen.append(turn.run_id)
    assert len(seen) == 3
    assert theirs.id in seen


async def test_the_cap_of_a_project_holds_however_many_workers_claim_at_once(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await words(owner)
    for _ in range(12):
        await started(owner, workflow)
    claims = [claim_of(parts, job) for job in await jobs_of(parts)]
    engine = engine_actor(owner.actor.organization_id)
    capped = (replace(one, caps=replace(one.caps, project=3)) for one in claims)
    held = await asyncio.gather(*(execute(parts.database.begin, engine, one) for one in capped))
    assert sum(claimed is not None for claimed in held) == 3


async def test_the_cap_of_a_provider_holds_and_lets_other_kinds_pass(parts: Parts) -> None:
    owner = await tenant(parts)
    worker = a_worker(parts)
    drawing = [await a_picture(owner) for _ in range(3)]
    for job in await jobs_of(parts):
        await worker.do(job)
    ready = [(await steps_of(owner, run))["draw"] for run in drawing]
    engine = engine_actor(owner.actor.organization_id)
    claims = [
        replace(claim_of(parts, step.job()), caps=replace(claim_of(parts, step.job()).caps, provider=1))
        for step in ready
    ]
    held = await asyncio.gather(*(execute(parts.database.begin, engine, one) for one in claims))
    assert sum(claimed is not None for claimed in held) == 1

    turns = turns_of(parts, replace(PLENTY, provider=1))
    assert await turns.next() is None
    free = await started(owner, await words(owner))
    assert await runs_in_turn(turns, 1) == [free.id]


async def test_while_a_provider_keeps_failing_its_steps_wait_and_then_one_tries(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    parts, worker = paying.parts, a_worker(paying.parts)
    await openai_server.script(*["500"] * FAILURES_TO_OPEN)
    runs = [await a_picture(paying, attempts=1) for _ in range(FAILURES_TO_OPEN + 2)]
    calls = await jobs_of(parts)
    for _ in range(2):
        for job in calls:
            await worker.do(job)
        calls = await jobs_of(parts)
    drawn = [(await steps_of(paying, run))["draw"].status for run in runs]
    assert sorted(drawn) == ["FAILED"] * FAILURES_TO_OPEN + ["QUEUED"] * 2
    assert await parts.turns.next() is None

    async with parts.engine.begin() as connection:
        await connection.execute(text("UPDATE circuits SET open_until = now() WHERE id = 'openai'"))
    turn = await parts.turns.next()
    assert turn is not None
    await claim(parts, turn)
    assert await parts.turns.next() is None  # until it is known how the one did


async def test_a_success_closes_the_circuit(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    await openai_server.script("500", "500")
    run = await a_picture(paying)
    jobs = await jobs_of(paying.parts)
    while jobs:
        for job in jobs:
            await worker.do(job)
        jobs = await jobs_of(paying.parts)
    assert (await finished(paying, run)).status == "SUCCEEDED"
    async with paying.parts.engine.connect() as connection:
        failures = (await connection.execute(text("SELECT failures FROM circuits WHERE id = 'openai'"))).scalar_one()
    assert failures == 0


async def test_there_are_never_more_calls_than_queued_steps(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await words(owner)
    for _ in range(3):
        await started(owner, workflow)
    turns = turns_of(parts)
    taken = [await turns.next(called=called) for called in (True, False, False)]
    (left,) = await jobs_of(parts)
    assert taken[0] is not None
    assert left == replace(
        taken[0], trace_id=left.trace_id
    )  # which stands for the step that the call that woke was about


@pytest.mark.slow
async def test_a_worker_goes_on_by_itself_until_nothing_is_left(parts: Parts) -> None:
    """One call is enough for all that is queued, and for what comes of it."""
    owner, worker = await tenant(parts), a_worker(parts)
    nodes = [node("ask", "input", name="prompt"), *(node(f"n{n}", "prompt", template="{{text}}") for n in range(30))]
    run = await a_run(owner, nodes, edges(*(f"ask>n{n}" for n in range(30))), prompt="A kite")
    await worker.work()
    assert {step.status for step in (await steps_of(owner, run)).values()} == {"SUCCEEDED"}
    steps: list[Step] = list((await steps_of(owner, run)).values())
    assert all(step.attempt == 1 for step in steps)
