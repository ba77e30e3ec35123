"""A subgraph for each item: what its copies are given, what comes of them together, and how they end."""

import asyncio
from itertools import pairwise

import pytest

from app.parts import Parts
from domain.assets import AssetType, CreateAsset
from domain.errors import DomainError, ErrorCode
from domain.execution import FinishStep
from domain.graphs import Edge, Node
from domain.ids import new_id
from domain.kinds.kind import Copies
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from tests.engine.crew import (
    a_reconciler,
    a_run,
    a_worker,
    a_workflow,
    as_engine,
    edges,
    events_of,
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


async def test_each_item_has_its_copy_and_the_results_keep_the_order_of_the_items(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    nodes = [*listed("items"), saying("{{text}}!", "each"), node("out", "output")]
    run = await a_run(owner, nodes, edges("items>many.each", "many.said>out"), items=["a", "b", "c"])
    while jobs := await jobs_of(parts):
        for job in reversed(jobs):
            await worker.do(job)
    finished, steps = await run_of(owner, run), await steps_of(owner, run)
    assert (finished.status, finished.outputs) == ("SUCCEEDED", {"out": ["a!", "b!", "c!"]})
    copies = [f"many/{number}/{name}" for number in range(3) for name in ("each", "say", "said")]
    assert sorted(steps) == sorted(["items", "many", "out", *copies])
    assert {steps[name].parent_id for name in copies} == {steps["many"].id}
    assert (finished.metrics.steps_total, finished.metrics.steps_done, finished.progress) == (12, 12, 1.0)


async def test_lists_side_by_side_and_a_list_of_one_stands_for_all(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("who", "where", "how"), saying("{{who}} in {{where}}, {{how}}", "who", "where", "how")]
    links = edges("who>many.who", "where>many.where", "how>many.how", "many>out")
    lists = {"who": ["Ada", "Bo"], "where": ["Rome", "Oslo"], "how": ["slowly"]}
    run = await done(owner, [*nodes, node("out", "output")], links, **lists)
    assert run.outputs == {"out": ["Ada in Rome, slowly", "Bo in Oslo, slowly"]}


async def test_each_value_with_each_other(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("who", "where"), saying("{{who}}{{where}}", "who", "where", mode="product"), node("out", "output")]
    links = edges("who>many.who", "where>many.where", "many>out")
    run = await done(owner, nodes, links, who=["a", "b"], where=[1, 2, 3])
    assert run.outputs == {"out": ["a1", "a2", "a3", "b1", "b2", "b3"]}


async def test_templates_know_the_runs_inputs_and_the_items_values(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("items", "mood"), saying("{{each}}: {{mood}}", "each"), node("out", "output")]
    run = await done(owner, nodes, edges("items>many.each", "many>out"), items=["cat", "dog"], mood="calm")
    assert run.outputs == {"out": ["cat: calm", "dog: calm"]}


async def test_an_items_value_hides_the_runs_input_of_its_name(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("items"), saying("{{items}}", "items"), node("after", "prompt", template="{{items}}")]
    links = edges("items>many.items", "many>out")
    run = await done(
        owner, [*nodes, node("out", "output"), node("all", "output")], [*links, *edges("after>all")], items=["x"]
    )
    assert run.outputs == {"out": ["x"], "all": '["x"]'}


async def test_an_empty_list_gives_empty_lists(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("items"), saying("{{text}}", "each"), node("out", "output")]
    run = await done(owner, nodes, edges("items>many.each", "many>out"), items=[])
    assert (run.status, run.outputs, run.progress) == ("SUCCEEDED", {"out": []}, 1.0)
    assert (run.metrics.steps_total, run.metrics.steps_done) == (3, 3)


async def test_one_map_goes_on_with_what_another_made(parts: Parts) -> None:
    owner = await tenant(parts)
    twice = a_map("twice", [inner("each", "input", name="each"), inner("said", "output")], "each>said")
    nodes = [*listed("items"), saying("{{text}}!", "each"), twice, node("out", "output")]
    run = await done(owner, nodes, edges("items>many.each", "many>twice", "twice>out"), items=["a", "b"])
    assert run.outputs == {"out": ["a!", "b!"]}


async def test_maps_in_maps_hand_on_one_list_in_order(parts: Parts) -> None:
    owner = await tenant(parts)
    cells = [
        inner("cell", "input", name="cell"),
        inner("say", "prompt", template="{{who}}{{row}}{{cell}}"),
        inner("said", "output"),
    ]
    rows = [
        inner("row", "input", name="row", type="json"),
        inner("cells", "map", **subgraph(cells, "say>said")),
        inner("made", "output"),
    ]
    nodes = [*listed("rows", "who"), a_map("grid", rows, "row>cells.cell", "cells>made"), node("out", "output")]
    run = await done(owner, nodes, edges("rows>grid.row", "grid.made>out"), rows=[["a", "b"], [], ["c"]], who="-")
    assert run.outputs == {"out": ['-["a", "b"]a', '-["a", "b"]b', '-["c"]c']}
    assert (run.metrics.steps_total, run.metrics.steps_done) == (4 + 3 * 3 + 3 * 3, 22)
    assert (await statuses_of(owner, run))["grid/0/cells/1/say"] == "SUCCEEDED"


async def test_the_pictures_of_all_copies_are_the_maps_too(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("items"), drawing(), node("out", "output")]
    run = await done(owner, nodes, edges("items>many.each", "many>out"), items=["A red kite"] * 3)
    images, steps = await images_of(owner, run), await steps_of(owner, run)
    assert len({image.file_hash for image in images}) == 3, "each copy has a seed of its own"
    assert {value["imageId"] for value in run.outputs["out"]} == {image.id for image in images}
    assert set(steps["many"].image_ids) == {image.id for image in images}


async def test_progress_only_grows_and_ends_at_one(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [*listed("items"), drawing(count=2), node("out", "output")]
    run = await done(owner, nodes, edges("items>many.each", "many>out"), items=["a", "b", "c"])
    told = [one.event.payload for one in await events_of(owner, run) if one.event.subject_type == "Run"]
    grown = [payload["progress"] for payload in told]
    assert grown == sorted(grown)
    assert grown[-1] == run.progress == 1.0
    assert len(set(grown)) > 9, "each copy's steps are told of"
    counted = [(payload["metrics"]["stepsDone"], payload["metrics"]["stepsTotal"]) for payload in told]
    assert counted == sorted(counted)
    assert counted[-1] == (12, 12)


async def test_a_map_is_as_far_as_its_copies(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    nodes = [*listed("items"), saying("{{text}}", "each"), node("out", "output")]
    run = await a_run(owner, nodes, edges("items>many.each", "many>out"), items=["a", "b"])
    jobs = await work_up_to_copies(owner, worker, run, "said")
    await worker.do(jobs["many/1/said"])
    many = (await steps_of(owner, run))["many"]
    assert (many.status, many.lease_until) == ("RUNNING", None)
    assert many.progress == pytest.approx(5 / 6)
    assert (await run_of(owner, run)).progress == pytest.approx(1 / 3 + 5 / 6 / 3)


@pytest.mark.parametrize(
    ("mode", "lists", "said"),
    [
        ("zip", {"one": [1, 2], "other": [1, 2, 3]}, "one has 2, other has 3"),
        ("zip", {"one": list(range(1_001)), "other": ["x"]}, "up to 1,000 items; these would be 1,001"),
        ("product", {"one": list(range(1_000)), "other": [1, 2]}, "up to 1,000 items; these would be 2,000"),
    ],
)
async def test_lists_that_cannot_be_taken_fail_the_run_before_anything_is_copied(
    parts: Parts, mode: str, lists: dict[str, list[object]], said: str
) -> None:
    owner = await tenant(parts)
    nodes = [*listed("one", "other"), saying("{{one}}{{other}}", "one", "other", mode=mode), node("out", "output")]
    run = await done(owner, nodes, edges("one>many.one", "other>many.other", "many>out"), **lists)
    await _failed_uncopied(owner, run, said)


async def test_a_run_has_ten_thousand_steps_at_most(parts: Parts) -> None:
    owner = await tenant(parts)
    names = ["each", *(f"p{number}" for number in range(9)), "made"]
    prompts = [inner(name, "prompt", template="{{text}}") for name in names[1:-1]]
    nodes = [inner("each", "input", name="each"), *prompts, inner("made", "output")]
    many = a_map("many", nodes, *(f"{one}>{other}" for one, other in pairwise(names)))
    links = edges("items>many.each", "many>out")
    run = await done(owner, [*listed("items"), many, node("out", "output")], links, items=list(range(1_000)))
    await _failed_uncopied(owner, run, "The run would have 11,003 steps: 10,000 are the most")


async def test_copies_are_given_so_much_together_and_no_more(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [
        node("style", "input", name="style", maxLength=32_000),
        *listed("items"),
        saying("{{style}}", "each", "style"),
    ]
    links = edges("items>many.each", "style>many.style", "many>out")
    run = await done(owner, [*nodes, node("out", "output")], links, items=list(range(500)), style="s" * 32_000)
    await _failed_uncopied(owner, run, "The copies would be given 61 MiB together: 32 MiB are the most")


async def _failed_uncopied(owner: Tenant, run: Run, said: str) -> None:
    assert (run.status, run.error and run.error.code) == ("FAILED", ErrorCode.VALIDATION_ERROR)
    assert run.error is not None
    assert run.error.node_id == "many"
    assert said in run.error.message
    statuses = await statuses_of(owner, run)
    assert (statuses.pop("many"), statuses.pop("out")) == ("FAILED", "SKIPPED")
    assert set(statuses.values()) == {"SUCCEEDED"}
    assert run.metrics.steps_total == len(statuses) + 2
    assert await jobs_of(owner.parts) == []


async def test_copies_hand_on_so_much_together_and_no_more(parts: Parts) -> None:
    owner = await tenant(parts)
    outputs = [f"o{number}" for number in range(8)]
    say = [inner("each", "input", name="each", type="json"), inner("say", "prompt", template="{{style}}")]
    many = a_map("many", [*say, *(inner(name, "output") for name in outputs)], *(f"say>{name}" for name in outputs))
    style = node("style", "input", name="style", maxLength=32_000)
    links = edges("items>many.each", "many.o0>out")
    run = await done(
        owner, [style, *listed("items"), many, node("out", "output")], links, items=[*range(17)], style="s" * 31_900
    )
    assert (run.status, run.error and run.error.code) == ("FAILED", ErrorCode.VALIDATION_ERROR)
    assert run.error is not None
    assert "more than 4 MiB" in run.error.message
    assert (await steps_of(owner, run))["many"].error == run.error


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
    assert [statuses[f"many/{number}/draw"] for number in range(3)] == ["SUCCEEDED", "CANCELED", "CANCELED"]
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


async def test_a_prompt_that_is_not_there_is_told_of_before_anything_is_queued(parts: Parts) -> None:
    owner = await tenant(parts)
    say = inner("say", "prompt", template="{{style}}", prompts={"style": str(new_id())})
    many = a_map("many", [inner("each", "input", name="each"), say, inner("said", "output")], "each>say", "say>said")
    workflow = await a_workflow(owner, [*listed("items"), many], edges("items>many"))
    with pytest.raises(DomainError) as refused:
        await owner.do(StartRun(workflow_id=workflow.id, inputs={"items": ["a"]}))
    assert refused.value.code is ErrorCode.ASSET_NOT_FOUND
    assert (await parts.studio.reads.many(Run, owner.actor), await jobs_of(parts)) == ([], [])


async def test_copies_write_with_the_prompts_of_the_project(parts: Parts) -> None:
    owner = await tenant(parts)
    style = await owner.do(
        CreateAsset(project_id=owner.project_id, type=AssetType.PROMPT, label="Style", content="in ink")
    )
    say = inner("say", "prompt", template="{{each}} {{style}}", prompts={"style": style.id})
    many = a_map("many", [inner("each", "input", name="each"), say, inner("said", "output")], "each>say", "say>said")
    run = await done(
        owner, [*listed("items"), many, node("out", "output")], edges("items>many", "many>out"), items=["a", "b"]
    )
    assert run.outputs == {"out": ["a in ink", "b in ink"]}
