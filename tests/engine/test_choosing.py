"""People who choose among images, and reviews of each item of a map."""

from typing import Any

import pytest

from app.parts import Parts
from domain.run_commands import RetryRun
from domain.runs import Run
from domain.waiting import SubmitStep
from tests.engine.crew import (
    a_reconciler,
    a_run,
    a_worker,
    edges,
    images_of,
    node,
    run_of,
    statuses_of,
    work_off,
)
from tests.engine.reviews import code_of, form_of, let_time_pass, submit, waiting
from tests.studio import Tenant, tenant


async def a_choice(owner: Tenant, **config: Any) -> Run:
    """A run that draws three pictures and waits for someone to choose among them."""
    nodes = [
        node("ask", "input", name="prompt", type="text"),
        node("draw", "generate_image", count=3, aspectRatio="1:1"),
        node("look", "human_review", title="Which?", **config),
        node("show", "output"),
    ]
    links = edges("ask>draw", "draw.images>look.candidates", "look.images>show")
    run = await a_run(owner, nodes, links, prompt="A red kite")
    await work_off(owner.parts, a_worker(owner.parts))
    return run


async def shown(owner: Tenant, run: Run) -> list[str]:
    """The images that the run hands back."""
    await work_off(owner.parts, a_worker(owner.parts))
    return [value["imageId"] for value in (await run_of(owner, run)).outputs["show"]]


async def test_images_are_chosen_from_the_candidates_in_the_order_of_the_choice(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_choice(owner, choose={"fewest": 1, "most": 2})
    step, images = await waiting(owner, run), [image.id for image in await images_of(owner, run)]
    assert set(form_of(step).question.candidates) == set(images)
    for wrong in ([], images, [images[0], images[0]], [images[0], run.id]):
        assert await code_of(submit(owner, step, chosen_image_ids=wrong)) == "VALIDATION_ERROR"
    chosen = [images[2], images[0]]
    await submit(owner, step, chosen_image_ids=chosen)
    assert await code_of(submit(owner, step, chosen_image_ids=chosen[::-1])) == "STEP_NOT_WAITING"
    assert await shown(owner, run) == chosen


async def test_the_first_candidates_are_chosen_where_nobody_chooses(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_choice(owner, choose={"fewest": 2, "most": 3}, dueSeconds=60, onTimeout="approve")
    step = await waiting(owner, run)
    await let_time_pass(owner, step)
    await a_reconciler(parts).reconcile()
    assert await shown(owner, run) == list(form_of(step).question.candidates[:2])


async def test_a_rejection_needs_no_choice(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_choice(owner, choose={"fewest": 1})
    assert (await submit(owner, await waiting(owner, run), "reject")).status == "FAILED"


async def test_what_was_approved_is_not_asked_again_when_the_run_is_repeated(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    nodes = [
        node("ask", "input", name="prompt", type="text"),
        node("look", "human_review", title="Look"),
        node("read", "human_review", title="Read"),
        node("show", "output"),
    ]
    run = await a_run(owner, nodes, edges("ask>look.text", "look.text>read.text", "read.text>show"), prompt="Kites")
    for name, decision in (("look", "approve"), ("read", "reject")):
        await work_off(parts, worker)
        await submit(owner, await waiting(owner, run, name), decision)
    again = await owner.do(RetryRun(id=run.id))
    await work_off(parts, worker)
    assert (await statuses_of(owner, again))["look"] == "SUCCEEDED"
    await submit(owner, await waiting(owner, again, "read"))
    await work_off(parts, worker)
    assert (await run_of(owner, again)).outputs == {"show": "Kites"}


@pytest.mark.parametrize(("decision", "status"), [("approve", "SUCCEEDED"), ("reject", "FAILED")])
async def test_each_item_of_a_map_has_a_form_of_its_own(parts: Parts, decision: str, status: str) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    inner = [
        {"id": "item", "kind": "input", "config": {"name": "item", "type": "text"}},
        {"id": "look", "kind": "human_review", "config": {"title": "Look"}},
        {"id": "made", "kind": "output", "config": {}},
    ]
    links = [{"source": "item", "target": "look.text"}, {"source": "look.text", "target": "made"}]
    nodes = [
        node("ask", "input", name="items", type="json"),
        node("each", "map", nodes=inner, edges=links),
        node("show", "output"),
    ]
    run = await a_run(owner, nodes, edges("ask>each.item", "each>show"), items=["one", "two", "three"])
    await work_off(parts, worker)
    assert ((await run_of(owner, run)).status, (await run_of(owner, run)).steps_waiting) == ("WAITING", 3)
    forms = [await waiting(owner, run, f"each/{number}/look") for number in range(3)]
    swapped = SubmitStep(step_id=forms[0].id, token=form_of(forms[1]).token, decision=decision)
    assert await code_of(owner.do(swapped)) == "STEP_NOT_WAITING"
    for step in forms[:2]:
        await submit(owner, step)
        await work_off(parts, worker)
        assert (await run_of(owner, run)).status == "WAITING"
    await submit(owner, forms[2], decision)
    await work_off(parts, worker)
    assert (await run_of(owner, run)).status == status
