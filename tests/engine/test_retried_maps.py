"""What a run takes over of the copies of the run that it repeats."""

from app.parts import Parts
from tests.engine.crew import (
    a_run,
    a_worker,
    edges,
    node,
    run_of,
    steps_of,
    work_off,
)
from tests.engine.maps import a_map, drawing, inner, listed, subgraph, work_up_to_copies
from tests.engine.repeating import hashes_of, retry, worked_off
from tests.engine.reviews import submit, waiting
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, tenant


async def test_copies_draw_the_same_pictures_again_too(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("items"), drawing()]
    first = await worked_off(owner, await a_run(owner, nodes, edges("items>many"), items=["a", "a"]))
    again = await worked_off(owner, await retry(owner, first, failed_only=False))
    assert again.steps_cached == 0
    assert await hashes_of(owner, again) == await hashes_of(owner, first)
    assert len(set(await hashes_of(owner, again))) == 2


async def test_copies_that_were_done_are_taken_over_and_their_people_not_asked_again(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    asked = [
        inner("each", "input", name="each"),
        inner("look", "human_review", title="Look"),
        inner("draw", "generate_image", cache=False),
        inner("shown", "output"),
    ]
    many = a_map("many", asked, "each>look.text", "look.text>draw", "draw>shown")
    nodes = [*listed("items"), many, node("out", "output")]
    worker = a_worker(paying.parts)
    run = await a_run(paying, nodes, edges("items>many", "many>out"), items=["a", "b", "c"])
    await worked_off(paying, run)
    for number in range(3):
        await submit(paying, await waiting(paying, run, f"many/{number}/look"))
    jobs = await work_up_to_copies(paying, worker, run, "draw")
    await openai_server.script("ok", "policy")
    await worker.do(jobs["many/0/draw"])
    await worker.do(jobs["many/1/draw"])
    failed = await run_of(paying, run)
    assert failed.error is not None
    assert (failed.status, failed.error.node_id) == ("FAILED", "many/1/draw")

    done, steps = await worked_off(paying, await retry(paying, failed)), await steps_of(paying, run)
    again = await steps_of(paying, done)
    assert (done.status, done.steps_done, done.progress) == ("SUCCEEDED", done.steps_total, 1.0)
    taken = {name for name, step in again.items() if step.cached}
    assert taken == {name for name, step in steps.items() if step.status == "SUCCEEDED"}
    assert done.outputs["out"][0] == steps["many/0/draw"].outputs["image"]
    assert set(again["many"].image_ids) == {id_ for step in again.values() for id_ in step.image_ids}
    assert len(await openai_server.requests()) == 4


async def test_maps_in_copies_are_taken_over_whole_or_gone_on_with(paying: Tenant, openai_server: OpenAIServer) -> None:
    cells = [
        inner("cell", "input", name="cell"),
        inner("draw", "generate_image", cache=False),
        inner("shown", "output"),
    ]
    rows = [
        inner("row", "input", name="row", type="json"),
        inner("cells", "map", **subgraph(cells, "cell>draw", "draw>shown")),
        inner("made", "output"),
    ]
    nodes = [*listed("rows"), a_map("grid", rows, "row>cells", "cells>made"), node("out", "output")]
    worker = a_worker(paying.parts)
    run = await a_run(paying, nodes, edges("rows>grid", "grid>out"), rows=[["a", "b"], ["c"]])
    jobs = await work_up_to_copies(paying, worker, run, "draw")
    await worker.do(jobs["grid/0/cells/0/draw"])
    await worker.do(jobs["grid/0/cells/1/draw"])
    await work_off(paying.parts, worker)
    await openai_server.script("policy")
    await worker.do(jobs["grid/1/cells/0/draw"])

    again = await retry(paying, run)
    done, names = await worked_off(paying, again), set(await steps_of(paying, again))
    before = (await steps_of(paying, run))["grid/0/cells"].outputs["shown"]
    assert (done.status, len(done.outputs["out"]), done.outputs["out"][:2]) == ("SUCCEEDED", 3, before)
    assert {name for name in names if name.count("/") > 2} == {
        f"grid/1/cells/0/{name}" for name in ("cell", "draw", "shown")
    }
    assert len(await openai_server.requests()) == 4


async def test_copies_of_other_inputs_are_not_taken_over(paying: Tenant, openai_server: OpenAIServer) -> None:
    nodes = [*listed("items"), drawing(cache=False)]
    first = await worked_off(paying, await a_run(paying, nodes, edges("items>many"), items=["a", "b"]))
    again = await worked_off(paying, await retry(paying, first, inputs={"items": ["a", "c"]}))
    assert (again.status, again.steps_cached, len(await openai_server.requests())) == ("SUCCEEDED", 0, 4)
