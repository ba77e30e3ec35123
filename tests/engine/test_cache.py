"""What was made before: when it is used again, when it is not, and that nobody is asked or paid for it."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from app.settings import Settings
from domain.graphs import Edge, Node
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.steps import Step
from domain.workflows import Workflow
from tests.api.asking import finish
from tests.api.asking import start as start_over_graphql
from tests.engine.crew import (
    a_picture,
    a_run,
    a_worker,
    edges,
    images_of,
    node,
    paid_studio,
    run_of,
    steps_of,
    work_off,
    work_up_to,
)
from tests.engine.maps import drawing, listed
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, serving, tenant

PICTURES = """query($id: ID!) { run(id: $id) {
  outputs metrics { stepsCached cost } images { id fileHash } steps { nodeId cached cost images { id fileHash } }
} }"""


async def drawn(owner: Tenant, name: str = "draw", prompt: str = "A red kite", **config: Any) -> Step:
    """The drawing step of a run of its own, done."""
    nodes = [node("ask", "input", name="prompt"), node(name, "generate_image", **config), node("show", "output")]
    run = await a_run(owner, nodes, edges(f"ask>{name}", f"{name}>show"), prompt=prompt)
    await work_off(owner.parts, a_worker(owner.parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"
    return (await steps_of(owner, run))[name]


async def test_the_same_again_asks_nobody_and_costs_nothing(paying: Tenant, openai_server: OpenAIServer) -> None:
    first, second = await drawn(paying, count=2), await drawn(paying, count=2)
    assert (first.cached, first.cost) == (False, Decimal(2))
    assert (second.cached, second.cost, second.attempt) == (True, Decimal(0), 0)
    assert (second.outputs, second.image_ids) == (first.outputs, first.image_ids)
    assert len(await openai_server.requests()) == 1
    run = await paying.parts.studio.reads.one(Run, paying.actor, id=second.run_id)
    assert run is not None
    assert (run.metrics.steps_cached, run.metrics.cost) == (1, Decimal(0))
    assert await images_of(paying, run) == [], "its pictures are the first run's"


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "A blue kite"},
        {"name": "paint"},
        {"count": 2},
        {"aspectRatio": "16:9"},
        {"seed": 7},
        {"cache": False},
    ],
)
async def test_anything_else_is_made_anew(paying: Tenant, openai_server: OpenAIServer, other: dict[str, Any]) -> None:
    await drawn(paying)
    second = await drawn(paying, **other)
    assert not second.cached
    assert len(await openai_server.requests()) == 2


async def test_how_long_and_how_often_it_may_be_tried_makes_no_difference(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    await drawn(paying)
    assert (await drawn(paying, timeoutSeconds=60, attempts=2)).cached
    assert len(await openai_server.requests()) == 1


async def test_what_was_made_without_the_cache_is_not_used_either(paying: Tenant) -> None:
    await drawn(paying, cache=False)
    assert not (await drawn(paying)).cached


async def test_another_models_pictures_are_not_used(
    settings: Settings, database_url: str, openai_server: OpenAIServer
) -> None:
    for model, cached in (("gpt-image-1", False), ("gpt-image-1-mini", False), ("gpt-image-1", True)):
        async with paid_studio(settings, database_url, openai_server, openai_image_model=model) as owner:
            assert (await drawn(owner)).cached is cached
    assert [call["fields"]["model"] for call in await openai_server.requests()] == ["gpt-image-1", "gpt-image-1-mini"]


async def test_a_text_is_used_again_and_so_is_what_was_drawn_from_it(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    nodes = [node("ask", "input", name="prompt"), node("richer", "enhance"), node("draw", "generate_image")]
    links = edges("ask>richer", "richer>draw")
    first = await _done(paying, nodes, links, prompt="A kite")
    second = await _done(paying, nodes, links, prompt="A kite")
    assert (first.steps_cached, second.steps_cached, second.cost) == (0, 2, Decimal(0))
    assert len(await openai_server.requests()) == 2


async def test_a_deleted_picture_is_made_anew(paying: Tenant, openai_server: OpenAIServer) -> None:
    first = await drawn(paying)
    async with paying.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE images SET deleted_at = now()"))
    second, third = await drawn(paying), await drawn(paying)
    assert (second.cached, third.cached) == (False, True)
    assert first.image_ids != second.image_ids == third.image_ids
    assert len(await openai_server.requests()) == 2


async def test_another_project_never_shares(paying: Tenant, openai_server: OpenAIServer) -> None:
    await drawn(paying)
    for neighbour in (await tenant(paying.parts, "acme", "shop"), await tenant(paying.parts, "rival", "website")):
        assert not (await drawn(neighbour)).cached
    assert len(await openai_server.requests()) == 3


async def test_a_failure_is_not_kept(paying: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("policy")
    run = await a_picture(paying)
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "FAILED"
    again = await a_picture(paying)
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await steps_of(paying, again))["draw"].cached is False
    assert (await run_of(paying, again)).status == "SUCCEEDED"


async def test_what_a_canceled_run_had_made_is_used(paying: Tenant, openai_server: OpenAIServer) -> None:
    worker = a_worker(paying.parts)
    run = await a_picture(paying)
    await work_up_to(paying.parts, worker, paying, run, "show")
    await paying.do(CancelRun(id=run.id))
    again = await a_picture(paying)
    await work_off(paying.parts, worker)
    assert (await steps_of(paying, again))["draw"].cached
    assert len(await openai_server.requests()) == 1


async def test_a_copy_uses_what_the_same_copy_made(paying: Tenant, openai_server: OpenAIServer) -> None:
    nodes = [*listed("items"), drawing(), node("out", "output")]
    links = edges("items>many", "many>out")
    first = await _done(paying, nodes, links, items=["a", "b"])
    second = await _done(paying, nodes, links, items=["a", "c", "d"])
    assert second.steps_cached == 1
    assert second.outputs["out"][0] == first.outputs["out"][0]
    assert len(await openai_server.requests()) == 4
    many = (await steps_of(paying, second))["many"]
    assert len(set(many.image_ids)) == 3, "the picture it took over is its copies' too"


async def test_a_cached_step_needs_no_budget(paying: Tenant) -> None:
    await drawn(paying)
    workflow = await paying.parts.studio.reads.one(Workflow, paying.actor)
    assert workflow is not None
    run = await paying.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A red kite"}, max_credits=Decimal(0)))
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "SUCCEEDED"


async def test_the_same_pictures_come_over_graphql(settings: Settings, database_url: str) -> None:
    async with serving(settings, database_url) as client:
        runs = []
        for _ in range(2):
            id_ = (await start_over_graphql(client))["id"]
            await finish(client, id_)
            runs.append((await client.ask(PICTURES, id=id_))["run"])
    first, second = runs
    (drawn_first,), (drawn_second,) = ([step for step in run["steps"] if step["images"]] for run in runs)
    assert (drawn_first["cached"], drawn_second["cached"], drawn_second["cost"]) == (False, True, "0")
    assert first["images"] == second["images"] == drawn_first["images"] == drawn_second["images"] != []
    assert first["outputs"] == second["outputs"]
    assert second["metrics"] == {"stepsCached": 2, "cost": "0"}


async def _done(owner: Tenant, nodes: list[Node], links: list[Edge], **inputs: object) -> Run:
    run = await a_run(owner, nodes, links, **inputs)
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run)
