"""Ways that are not taken: what is skipped, what still gets its turn, and how the run ends."""

from itertools import pairwise
from typing import Any

import pytest

from app.parts import Parts
from domain.graphs import Edge, Node
from domain.runs import Run
from tests.engine.crew import (
    a_run,
    a_worker,
    edges,
    events_of,
    images_of,
    node,
    run_of,
    statuses_of,
    steps_of,
    work_off,
    work_up_to,
)
from tests.engine.maps import a_map, inner, listed
from tests.studio import Tenant, tenant


def is_cat(**config: Any) -> Node:
    return node("cat", "condition", **{"operator": "equals", "operand": "cat", **config})


ASK = node("ask", "input", name="animal")


async def done(owner: Tenant, nodes: list[Node], links: list[Edge], **inputs: object) -> Run:
    """The run after all that could be done was done."""
    run = await a_run(owner, nodes, links, **inputs)
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run)


@pytest.mark.parametrize(("animal", "taken", "other"), [("cat", "yes", "no"), ("dog", "no", "yes")])
async def test_a_value_goes_one_way_and_what_is_on_the_other_is_skipped(
    parts: Parts, animal: str, taken: str, other: str
) -> None:
    owner = await tenant(parts)
    nodes = [ASK, is_cat(), node("yes", "output"), node("no", "output")]
    run = await done(owner, nodes, edges("ask>cat", "cat.then>yes", "cat.else>no"), animal=animal)
    assert (run.status, run.outputs) == ("SUCCEEDED", {taken: animal})
    assert await statuses_of(owner, run) == {
        "ask": "SUCCEEDED",
        "cat": "SUCCEEDED",
        taken: "SUCCEEDED",
        other: "SKIPPED",
    }
    assert (run.metrics.steps_done, run.metrics.steps_total, run.progress) == (4, 4, 1.0)


async def test_a_run_whose_every_way_is_skipped_has_succeeded(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await done(owner, [ASK, is_cat(), node("yes", "output")], edges("ask>cat", "cat.then>yes"), animal="dog")
    assert (run.status, run.outputs, run.error) == ("SUCCEEDED", {}, None)
    told = [envelope.event.event for envelope in await events_of(owner, run)]
    assert told.count("run.completed") == 1


async def test_nothing_is_drawn_on_the_way_not_taken(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [ASK, is_cat(), node("draw", "generate_image"), node("out", "output")]
    run = await done(owner, nodes, edges("ask>cat", "cat.then>draw", "draw>out"), animal="dog")
    assert await images_of(owner, run) == []
    skipped = (await steps_of(owner, run))["draw"]
    assert (skipped.status, skipped.attempt, skipped.started_at, skipped.outputs) == ("SKIPPED", 0, None, {})
    assert skipped.finished_at is not None


async def test_three_hundred_nodes_behind_it_are_skipped_in_one_go(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    behind = [f"p{number}" for number in range(300)]
    nodes = [ASK, is_cat(), *(node(name, "prompt", template="{{text}}") for name in behind), node("out", "output")]
    links = edges("ask>cat", "cat.then>p0", *(f"{one}>{other}" for one, other in pairwise([*behind, "out"])))
    run = await a_run(owner, nodes, links, animal="dog")
    await worker.do(await work_up_to(parts, worker, owner, run, "cat"))
    assert (await run_of(owner, run)).status == "SUCCEEDED"
    statuses = await statuses_of(owner, run)
    assert {statuses[name] for name in behind} == {"SKIPPED"}
    assert (await run_of(owner, run)).steps_done == 303


async def test_what_both_ways_lead_to_gets_what_there_is(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [
        ASK,
        is_cat(),
        node("cats", "prompt", template="{{text}} of cats"),
        node("others", "prompt", template="{{text}} of others"),
        a_map("many", [inner("each", "input", name="each"), inner("said", "output")], "each>said"),
        node("out", "output"),
    ]
    links = edges("ask>cat", "cat.then>cats", "cat.else>others", "cats>many", "others>many", "many>out")
    first, second = await done(owner, nodes, links, animal="cat"), await done(owner, nodes, links, animal="dog")
    assert (first.outputs, second.outputs) == ({"out": ["cat of cats"]}, {"out": ["dog of others"]})


async def test_both_ways_may_lead_straight_to_one_list(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [ASK, is_cat(), a_map("many", [inner("each", "input", name="each"), inner("said", "output")], "each>said")]
    links = edges("ask>cat", "cat.then>many", "cat.else>many", "many>out")
    assert (await done(owner, [*nodes, node("out", "output")], links, animal="dog")).outputs == {"out": ["dog"]}


async def test_what_needs_two_values_is_skipped_when_one_of_them_is(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [ASK, is_cat(), node("draw", "generate_image"), node("edit", "edit_image"), node("out", "output")]
    links = edges("ask>draw", "ask>cat", "cat.then>edit.prompt", "draw.images>edit.images", "edit>out")
    run = await done(owner, nodes, links, animal="dog")
    assert (run.status, run.outputs, len(await images_of(owner, run))) == ("SUCCEEDED", {}, 1)
    assert (await statuses_of(owner, run))["edit"] == "SKIPPED"


async def test_a_port_to_which_an_edge_leads_needs_its_value(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [ASK, is_cat(), node("say", "prompt", template="{{animal}}"), node("out", "output")]
    run = await done(owner, nodes, edges("ask>cat", "cat.then>say", "say>out"), animal="dog")
    assert (await statuses_of(owner, run))["say"] == "SKIPPED", "its template needs nothing, but an edge leads to it"


async def test_a_map_on_the_way_not_taken_makes_no_copies(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [ASK, is_cat(), a_map("many", [inner("each", "input", name="each"), inner("said", "output")], "each>said")]
    run = await done(owner, nodes, edges("ask>cat", "cat.then>many"), animal="dog")
    assert (run.status, run.progress, run.metrics.steps_total) == ("SUCCEEDED", 1.0, 3)
    assert (await statuses_of(owner, run))["many"] == "SKIPPED"


async def test_items_that_are_skipped_leave_nothing(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [
        inner("each", "input", name="each"),
        inner("cat", "condition", operator="matches", operand="cat*"),
        inner("say", "prompt", template="{{text}}!"),
        inner("cats", "output"),
        inner("others", "output"),
    ]
    many = a_map("many", nodes, "each>cat", "cat.then>say", "say>cats", "cat.else>others")
    links = edges("items>many", "many.cats>cats", "many.others>others")
    outputs = [node("cats", "output"), node("others", "output")]
    animals = ["cat", "dog", "catfish", "eel"]
    run = await done(owner, [*listed("items"), many, *outputs], links, items=animals)
    assert (run.status, run.outputs) == ("SUCCEEDED", {"cats": ["cat!", "catfish!"], "others": ["dog", "eel"]})
    assert (run.metrics.steps_done, run.progress) == (4 + 4 * 5, 1.0)


async def test_a_map_whose_every_item_is_skipped_gives_empty_lists(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [
        inner("each", "input", name="each"),
        inner("cat", "condition", operator="isEmpty"),
        inner("said", "output"),
    ]
    many = a_map("many", nodes, "each>cat", "cat.then>said")
    links = edges("items>many", "many>out")
    run = await done(owner, [*listed("items"), many, node("out", "output")], links, items=["a", "b"])
    assert (run.status, run.outputs) == ("SUCCEEDED", {"out": []})
