"""Graphs of every shape, from their inputs to their outputs."""

from app.parts import Parts
from domain.graphs import Node
from tests.engine.crew import a_run, a_worker, edges, images_of, node, run_of, start, statuses_of, steps_of, work_off
from tests.studio import tenant


async def test_a_diamond_waits_for_both_sides(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [
        node("ask", "input", name="prompt"),
        node("left", "prompt", template="Left of {{text}}"),
        node("right", "prompt", template="Right of {{prompt}} and {{ text }}"),
        node("a", "output"),
        node("b", "output", name="second"),
    ]
    run = await a_run(owner, nodes, edges("ask>left", "ask>right", "left>a", "right>b"), prompt="Rome")
    await work_off(parts, a_worker(parts))
    done = await run_of(owner, run)
    assert (done.status, done.outputs) == ("SUCCEEDED", {"a": "Left of Rome", "second": "Right of Rome and Rome"})
    assert (done.metrics.steps_total, done.metrics.steps_done, done.metrics.retries) == (5, 5, 0)
    assert done.progress == 1.0


async def test_one_node_feeds_many_and_each_is_done_once(parts: Parts) -> None:
    owner = await tenant(parts)
    leaves = [node(f"leaf{n}", "output") for n in range(20)]
    links = edges(*(f"ask>{leaf.id}" for leaf in leaves))
    run = await a_run(owner, [node("ask", "input", name="prompt"), *leaves], links, prompt="Rome")
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).outputs == {leaf.id: "Rome" for leaf in leaves}
    assert {step.epoch for step in (await steps_of(owner, run)).values()} == {1}


async def test_a_list_of_pictures_and_the_first_of_them_come_out_by_two_ports(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [
        node("ask", "input", name="prompt"),
        node("draw", "generate_image", count=3, aspectRatio="1:1"),
        node("first", "output"),
        node("every", "output"),
    ]
    run = await a_run(owner, nodes, edges("ask>draw.prompt", "draw.image>first", "draw.images>every"), prompt="A kite")
    await work_off(parts, a_worker(parts))
    outputs = (await run_of(owner, run)).outputs
    assert outputs["first"] == outputs["every"][0]
    assert {value["imageId"] for value in outputs["every"]} == {image.id for image in await images_of(owner, run)}
    assert len({image.file_hash for image in await images_of(owner, run)}) == 3


async def test_inputs_that_are_not_given_take_their_defaults(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [
        node("who", "input", name="who"),
        node("where", "input", name="where", default="Paris"),
        node("many", "input", name="many", type="number", required=False),
        node("say", "prompt", template="{{who}} in {{where}}{{many}}"),
        node("out", "output"),
    ]
    run = await a_run(owner, nodes, edges("say>out"), who="Ada")
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).outputs == {"out": "Ada in Paris"}


async def test_nodes_that_nothing_joins_run_side_by_side(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes: list[Node] = [node(f"n{n}", "prompt", template=str(n)) for n in range(5)]
    run = await a_run(owner, nodes, [])
    assert set((await statuses_of(owner, run)).values()) == {"QUEUED"}
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"


async def test_a_run_goes_by_the_version_it_was_started_with(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow = await owner.hero_image()
    run = await start(owner, workflow, prompt="A kite")
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).workflow_version == workflow.version == 1
    assert set((await statuses_of(owner, run)).values()) == {"SUCCEEDED"}
