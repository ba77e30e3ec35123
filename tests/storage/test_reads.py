"""Reads: pages that hold still, ids that name nothing, and rows that come back as they were written."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from app.parts import Parts
from domain.assets import Asset, AssetType, CreateAsset
from domain.errors import DomainError, ErrorCode
from domain.graphs import Edge, Node, Position
from domain.ids import new_id
from domain.organizations import Organization
from domain.projects import CreateProject, Project
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.steps import Source, Step
from domain.workflows import Workflow, WorkflowVersion
from storage.pages import Page, cursor_of
from tests.conftest import parts_of_many
from tests.studio import Tenant, newcomer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    async with parts_of_many(tmp_path_factory) as one:
        yield one


async def an_asset(owner: Tenant, label: str = "Rows", content: Any = None) -> Asset:
    asset: Asset = await owner.do(
        CreateAsset(project_id=owner.project_id, type=AssetType.DATASET, label=label, content=content)
    )
    return asset


async def page(owner: Tenant, first: int | None = None, after: str | None = None) -> Page[Asset]:
    return await owner.parts.studio.reads.page(Asset, owner.actor, first=first, after=after)


async def test_pages_are_newest_first_and_hold_still_while_rows_come(parts: Parts) -> None:
    owner = await newcomer(parts)
    assets = [await an_asset(owner, f"Rows {number}") for number in range(7)]

    seen: list[Asset] = []
    cursor: str | None = None
    while len(seen) < 7:
        found = await page(owner, 3, cursor)
        seen, cursor = [*seen, *found.nodes], found.page_info.end_cursor
        assert found.page_info.has_previous_page == (len(seen) > 3)
        assert found.page_info.has_next_page == (len(seen) < 7)
        await an_asset(owner, "Came meanwhile")
    assert seen == assets[::-1]


async def test_a_page_counts_all_rows_whatever_it_shows(parts: Parts) -> None:
    owner, other = await newcomer(parts), await newcomer(parts, "shop")
    cursor = cursor_of([await an_asset(owner) for _ in range(4)][1])
    await an_asset(other)
    assert [await (await page(owner, 1, after)).total_count() for after in (None, cursor)] == [4, 4]


async def test_an_empty_page_has_no_cursors(parts: Parts) -> None:
    found = await page(await newcomer(parts))
    assert (found.edges, found.page_info.start_cursor, found.page_info.end_cursor) == ([], None, None)
    assert not found.page_info.has_next_page


async def test_every_edge_has_the_cursor_that_goes_on_after_it(parts: Parts) -> None:
    owner = await newcomer(parts)
    for _ in range(3):
        await an_asset(owner)
    whole = await page(owner)
    assert [(await page(owner, 1, edge.cursor)).nodes for edge in whole.edges] == [
        whole.nodes[1:2],
        whole.nodes[2:],
        [],
    ]


@pytest.mark.parametrize("first", [0, -1, 101, 2**40])
async def test_a_page_has_1_to_100_rows(parts: Parts, first: int) -> None:
    with pytest.raises(DomainError) as refused:
        await page(await newcomer(parts), first)
    assert (refused.value.code, refused.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "first")


@pytest.mark.parametrize("after", ["", "x", "=", "eA==", "\x00", "\ud800", "é", "A" * 100_000])
async def test_what_is_no_cursor_is_refused_by_name(parts: Parts, after: str) -> None:
    with pytest.raises(DomainError) as refused:
        await page(await newcomer(parts), 1, after)
    assert (refused.value.code, refused.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "after")


@pytest.mark.parametrize("id", ["", "x", "\x00", "\ud800", "01a1f910", "9" * 10_000])
async def test_a_malformed_id_names_nothing(parts: Parts, id: str) -> None:
    owner, reads = await newcomer(parts), parts.studio.reads
    await an_asset(owner)
    assert await reads.one(Asset, owner.actor, id=id) is None
    assert await reads.many(Asset, owner.actor, id=[id]) == []
    assert await reads.any_node(owner.actor, id) is None


async def test_another_tenant_reads_nothing(parts: Parts) -> None:
    owner, stranger, reads = await newcomer(parts), await newcomer(parts, "shop"), parts.studio.reads
    asset = await an_asset(owner)
    assert await reads.one(Asset, stranger.actor, id=asset.id) is None
    assert await reads.many(Project, stranger.actor, id=[owner.project_id]) == []
    for theirs in (asset.id, owner.project_id, owner.actor.organization_id):
        assert await reads.any_node(stranger.actor, theirs) is None
    assert await (await page(stranger)).total_count() == 0
    assert await reads.newest_of_each(Asset, stranger.actor, "project_id", [owner.project_id]) == []


async def test_whoever_is_confined_to_a_project_reads_no_other(parts: Parts) -> None:
    owner, reads = await newcomer(parts), parts.studio.reads
    asset, other = await an_asset(owner), await owner.do(CreateProject(name="Other"))
    confined = replace(owner.actor, project_id=other.id)
    assert [project.id for project in await reads.many(Project, confined)] == [other.id]
    assert [await reads.any_node(confined, hidden) for hidden in (asset.id, owner.project_id)] == [None, None]
    assert await reads.any_node(confined, other.id) == other


async def test_whatever_has_an_id_is_found_by_it(parts: Parts) -> None:
    owner, reads = await newcomer(parts), parts.studio.reads
    asset, workflow = await an_asset(owner), await owner.hero_image()
    run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}))
    step = (await reads.many(Step, owner.actor, run_id=run.id))[0]
    organization = await reads.one(Organization, owner.actor)
    assert organization is not None
    for entity in (asset, workflow, run, step, organization):
        assert await reads.any_node(owner.actor, entity.id) == entity
        assert await reads.any_node(owner.actor, entity.id.upper()) == entity
    assert await reads.any_node(owner.actor, new_id()) is None


async def test_who_may_not_read_a_noun_does_not_find_it(parts: Parts) -> None:
    owner, reads = await newcomer(parts), parts.studio.reads
    asset, nobody = await an_asset(owner), replace(owner.actor, permissions=frozenset())
    assert await reads.any_node(nobody, asset.id) is None
    with pytest.raises(DomainError) as refused:
        await reads.one(Asset, nobody, id=asset.id)
    assert refused.value.code is ErrorCode.FORBIDDEN


async def test_the_newest_of_each_is_one_row_for_each_value(parts: Parts) -> None:
    owner, reads = await newcomer(parts), parts.studio.reads
    first, second, idle = [await owner.hero_image() for _ in range(3)]
    runs = [
        await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}))
        for workflow in (first, second, first)
    ]
    newest = await reads.newest_of_each(Run, owner.actor, "workflow_id", [first.id, second.id, idle.id])
    assert {run.workflow_id: run.id for run in newest} == {first.id: runs[2].id, second.id: runs[1].id}
    assert await reads.newest_of_each(Run, owner.actor, "workflow_id", []) == []


JSON_VALUES = [None, True, 0, -1.5, "", "é😀", [], {}, [[{"a": [None]}]], {"": 0}, 2**64 - 1, -(2**63), "null"]


@pytest.mark.parametrize("content", JSON_VALUES, ids=repr)
async def test_json_comes_back_as_it_was_written(parts: Parts, content: Any) -> None:
    owner = await newcomer(parts)
    asset = await an_asset(owner, content=content)
    assert await parts.studio.reads.one(Asset, owner.actor, id=asset.id) == asset


async def test_values_inside_json_come_back_as_the_domains_own(parts: Parts) -> None:
    owner, reads = await newcomer(parts), parts.studio.reads
    workflow = await owner.hero_image()
    run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}))
    kept = await reads.one(Workflow, owner.actor, id=workflow.id)
    steps = {step.node_id: step for step in await reads.many(Step, owner.actor, run_id=run.id)}
    assert kept == workflow
    assert kept.nodes[1] == Node(
        id="enhance",
        kind="enhance",
        label="Enhance the prompt",
        config={"template": "general"},
        position=Position(240.0, 0.0),
    )
    assert kept.edges[0] == Edge(source="prompt", target="enhance")
    assert steps["enhance"].sources == (Source(port="text", node_id="prompt", node_port="value"),)
    assert steps["enhance"].targets == ("picture",)
    assert len(await reads.many(WorkflowVersion, owner.actor, workflow_id=workflow.id, version=1)) == 1


async def test_a_row_reads_as_the_command_answered(parts: Parts) -> None:
    owner = await newcomer(parts)
    workflow = await owner.hero_image()
    run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}))
    assert await parts.studio.reads.one(Run, owner.actor, id=run.id) == run
    canceled = (await owner.do(CancelRun(id=run.id))).run
    assert await parts.studio.reads.one(Run, owner.actor, id=run.id) == canceled
