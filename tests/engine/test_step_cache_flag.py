"""The flag `step-cache`: where it is off, nothing that was made before is used."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.parts import Parts, open_parts
from app.settings import Settings
from domain.projects import UpdateProject
from domain.run_commands import CancelRun, QuoteRun, RetryRun, StartRun
from domain.runs import Run
from tests.engine.crew import a_worker, a_workflow, edges, node, run_of, start, steps_of, work_off
from tests.studio import Tenant, tenant


async def set_flag(owner: Tenant, *, on: bool | None) -> None:
    flags = {} if on is None else {"step-cache": on}
    await owner.do(UpdateProject(id=owner.project_id, settings={"featureFlags": flags}))


async def drawn(owner: Tenant, **more: Any) -> Run:
    """A run that draws the one picture, with a workflow of its own, done."""
    nodes = [node("ask", "input", name="prompt"), node("draw", "generate_image", **more), node("show", "output")]
    workflow = await a_workflow(owner, nodes, edges("ask>draw", "draw>show"))
    quote = await owner.do(QuoteRun(start=StartRun(workflow_id=workflow.id, inputs={"prompt": "A red kite"})))
    run = await start(owner, workflow, prompt="A red kite")
    await work_off(owner.parts, a_worker(owner.parts))
    done = await run_of(owner, run)
    assert (done.status, any(one.cached for one in quote.nodes)) == ("SUCCEEDED", done.steps_cached == 1)
    return done


async def is_cached(owner: Tenant) -> bool:
    return (await drawn(owner)).steps_cached == 1


async def test_a_project_that_switches_it_off_uses_nothing_made_before_until_it_is_on_again(parts: Parts) -> None:
    owner = await tenant(parts)
    assert [await is_cached(owner), await is_cached(owner)] == [False, True]
    await set_flag(owner, on=False)
    assert [await is_cached(owner), await is_cached(owner)] == [False, False]
    await set_flag(owner, on=None)
    assert await is_cached(owner)


@pytest.mark.parametrize(("of_project", "used"), [(None, False), (True, True)])
async def test_a_server_that_switches_it_off_is_overruled_by_a_project_alone(
    settings: Settings, database_url: str, tmp_path: Path, *, of_project: bool | None, used: bool
) -> None:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps({"step-cache": False}))
    with_flags = settings.model_copy(update={"flags_file": path})
    async with open_parts(with_flags, database_url, "http://easel.test") as parts:
        owner = await tenant(parts)
        await set_flag(owner, on=of_project)
        assert [await is_cached(owner), await is_cached(owner)] == [False, used]


async def test_a_retry_of_what_failed_keeps_what_its_own_run_had_done(parts: Parts) -> None:
    owner = await tenant(parts)
    await set_flag(owner, on=False)
    nodes = [
        node("ask", "input", name="prompt"),
        node("draw", "generate_image"),
        node("look", "human_review", title="Look"),
        node("show", "output"),
    ]
    workflow = await a_workflow(owner, nodes, edges("ask>draw", "draw>look.candidates", "look>show"))
    run = await start(owner, workflow, prompt="A red kite")
    await work_off(parts, a_worker(parts))
    first = (await steps_of(owner, run))["draw"]
    await owner.do(CancelRun(id=run.id))
    again = await owner.do(RetryRun(id=run.id))
    afresh = await owner.do(RetryRun(id=run.id, failed_only=False))
    await work_off(parts, a_worker(parts))
    assert (await steps_of(owner, again))["draw"].image_ids == first.image_ids
    assert (await steps_of(owner, afresh))["draw"].image_ids != first.image_ids
