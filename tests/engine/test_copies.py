"""How the copies of a map fail, are stopped, raced for, taken up again and waited for."""

import asyncio

from app.parts import Parts
from domain.execution import FinishStep
from domain.graphs import Edge, Node
from domain.kinds.kind import Copies
from domain.run_commands import CancelRun
from domain.runs import Run
from storage.leases import Held
from tests.engine.crew import (
    a_reconciler,
    a_run,
    a_worker,
    as_engine,
    edges,
    images_of,
    jobs_of,
    node,
    pulsing,
    run_of,
    statuses_of,
    steps_of,
    work_off,
    work_up_to,
)
from tests.engine.maps import a_map, drawing, inner, listed, saying, subgraph, work_up_to_copies
from tests.engine.reviews import submit, waiting
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of, tenant


async def done(owner: Tenant, nodes: list[Node], links: list[Edge], **inputs: object) -> Run:
    """The run after all that could be done was done."""
    run = await a_run(owner, nodes, links, **inputs)
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run)


async def test_a_copy_that_fails_fails_the_run_and_those_that_run_finish(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    worker = a_worker(paying.parts)
    nodes = [*listed("items"), drawing(), node("out", "output")]
    run = await a_run(paying, nodes, edges("items>many.each", "many>out"), items=["a", "b", "c"])
    jobs = await work_up_to_copies(paying, worker, run, "draw")
    await openai_server.script("slow", "policy")
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.do(jobs["many/0/draw"]))
        await openai_server.requests(at_least=1)
        await worker.do(jobs["many/1/draw"])
        await worker.do(jobs["many/2/draw"])
        assert (await run_of(paying, run)).status == "RUNNING"
        await openai_server.release()
    failed, steps = await run_of(paying, run), await steps_of(paying, run)
    assert [steps[f"many/{number}/draw"].status for number in range(3)] == ["SUCCEEDED", "FAILED", "SKIPPED"]
    assert failed.error is not None
    assert (failed.status, failed.error.code, failed.error.node_id) == ("FAILED", "PROVIDER_REFUSED", "many/1/draw")
    assert (steps["many"].status, steps["many"].error, steps["out"].status) == ("FAILED", failed.error, "SKIPPED")
    assert failed.cost == len(await images_of(paying, run)) == 1
    assert len(await openai_server.requests()) == 2


async def test_a_failure_deep_inside_fails_every_map_around_it(paying: Tenant, openai_server: OpenAIServer) -> None:
    cells = [inner("cell", "input", name="cell"), inner("draw", "generate_image"), inner("shown", "output")]
    rows = [
        inner("row", "input", name="row", type="json"),
        inner("cells", "map", **subgraph(cells, "cell>draw", "draw>shown")),
    ]
    nodes = [*listed("rows"), a_map("grid", rows, "row>cells")]
    await openai_server.script("policy", "policy")
    run = await done(paying, nodes, edges("rows>grid"), rows=[["a", "b"], ["c"]])
    statuses = await statuses_of(paying, run)
    assert run.status == statuses["grid"] == "FAILED"
    assert sorted(statuses[f"grid/{number}/cells"] for number in range(2)) == ["FAILED", "SKIPPED"]


async def test_canceling_stops_every_copy(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    nodes = [*listed("items"), drawing(), node("out", "output")]
    run = await a_run(paying, nodes, edges("items>many.each", "many>out"), items=["a", "b", "c"])
    jobs = await work_up_to_copies(paying, worker, run, "draw")
    await worker.do(jobs["many/0/draw"])
    await openai_server.script("timeout")
    async with pulsing(worker), asyncio.TaskGroup() as group:
        group.create_task(worker.do(jobs["many/1/draw"]))
        await openai_server.requests(at_least=2)
        await paying.do(CancelRun(id=run.id))
    await worker.do(jobs["many/2/draw"])
    await work_off(paying.parts, worker)
    canceled, statuses = await run_of(paying, run), await statuses_of(paying, run)
    assert canceled.status == statuses["many"] == statuses["out"] == "CANCELED"
    assert [statuses[f"many/{number}/draw"] for number in range(3)] == ["SUCCEEDED", "OUTCOME_UNKNOWN", "CANCELED"]
    assert len(await openai_server.requests()) == 2
    assert canceled.steps_done == list(statuses.values()).count("SUCCEEDED")


async def test_canceling_while_the_copies_are_being_made_leaves_none(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("items"), saying("{{text}}", "each"), node("out", "output")]
    run = await a_run(owner, nodes, edges("items>many.each", "many>out"), items=["a", "b"])
    claim = await as_engine(owner, claim_of(parts, await work_up_to(parts, a_worker(parts), owner, run, "many")))
    await owner.do(CancelRun(id=run.id))
    copies = Copies(({"each": "a"}, {"each": "b"}))
    await as_engine(owner, FinishStep(run_id=run.id, step_id=claim.step.id, epoch=claim.step.epoch, outcome=copies))
    assert (await run_of(owner, run)).status == "CANCELED"
    assert await statuses_of(owner, run) == {"items": "SUCCEEDED", "many": "CANCELED", "out": "CANCELED"}


async def test_workers_that_race_count_each_copy_once(parts: Parts) -> None:
    owner, workers = await tenant(parts), [a_worker(parts) for _ in range(3)]
    nodes = [*listed("items"), saying("{{text}}", "each"), node("out", "output")]
    items = [f"item {number}" for number in range(8)]
    run = await a_run(owner, nodes, edges("items>many.each", "many>out"), items=items)
    while jobs := await jobs_of(parts):
        await asyncio.gather(*(worker.do(job) for job in jobs for worker in workers))
    done_, steps = await run_of(owner, run), await steps_of(owner, run)
    assert (done_.status, done_.outputs) == ("SUCCEEDED", {"out": items})
    assert {step.epoch for step in steps.values()} == {1}
    assert done_.steps_done == done_.steps_total == len(steps)


async def test_a_lost_workers_copy_is_taken_up_again(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    nodes = [*listed("items"), saying("{{text}}!", "each"), node("out", "output")]
    run = await a_run(owner, nodes, edges("items>many.each", "many>out"), items=["a", "b"])
    jobs = await work_up_to_copies(owner, worker, run, "say")
    await worker.do(jobs["many/0/say"])
    await as_engine(owner, claim_of(parts, jobs["many/1/say"], -1))
    await a_reconciler(parts).reconcile()
    await work_off(parts, worker)
    finished = await run_of(owner, run)
    assert (finished.status, finished.outputs, finished.retries) == ("SUCCEEDED", {"out": ["a!", "b!"]}, 1)


async def test_each_copy_waits_for_its_own_answer(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    asked = [inner("each", "input", name="each"), inner("look", "human_review", title="Look"), inner("said", "output")]
    many = a_map("many", asked, "each>look.text", "look.text>said")
    run = await a_run(
        owner, [*listed("items"), many, node("out", "output")], edges("items>many", "many>out"), items=["a", "b"]
    )
    await work_off(parts, worker)
    assert ((await run_of(owner, run)).status, (await run_of(owner, run)).steps_waiting) == ("WAITING", 2)
    await submit(owner, await waiting(owner, run, "many/1/look"))
    await work_off(parts, worker)
    assert (await run_of(owner, run)).status == "WAITING"
    await submit(owner, await waiting(owner, run, "many/0/look"))
    await work_off(parts, worker)
    finished = await run_of(owner, run)
    assert (finished.status, finished.outputs) == ("SUCCEEDED", {"out": ["a", "b"]})


async def test_a_map_that_waits_for_its_copies_is_held_by_no_worker(parts: Parts) -> None:
    """A renewal that was under way when the copies were made must not give the map a lease again."""
    owner, worker = await tenant(parts), a_worker(parts)
    nodes = [*listed("items"), saying("{{text}}!", "each"), node("out", "output")]
    run = await a_run(owner, nodes, edges("items>many.each", "many.said>out"), items=["a", "b"])
    await worker.do(await work_up_to(parts, worker, owner, run, "many"))
    many = (await steps_of(owner, run))["many"]
    assert (many.status, many.lease_until) == ("RUNNING", None)
    assert await parts.leases.renew([Held(many.id, many.epoch)], lease_seconds=1.0) == {}
    assert (await steps_of(owner, run))["many"].lease_until is None
