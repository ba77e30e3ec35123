"""A subgraph for each item: what its copies are given, what comes of them together, and how much there may be."""

from itertools import pairwise

import pytest

from app.parts import Parts
from domain.assets import AssetType, CreateAsset
from domain.errors import DomainError, ErrorCode
from domain.graphs import Edge, Node
from domain.ids import new_id
from domain.run_commands import StartRun
from domain.runs import Run
from tests.engine.crew import (
    a_run,
    a_worker,
    a_workflow,
    edges,
    events_of,
    images_of,
    jobs_of,
    node,
    run_of,
    statuses_of,
    steps_of,
    work_off,
)
from tests.engine.maps import a_map, drawing, inner, listed, saying, subgraph, work_up_to_copies
from tests.studio import Tenant, tenant


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
