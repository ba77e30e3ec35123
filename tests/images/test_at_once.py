"""Changes at the same moment: none is lost, none takes back another, and two who wait for each other both go on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from app.settings import Settings
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.flow_commands import CreateFlow, DeleteFlow, FlowAlias, RemoveFlowAlias, SetFlowAliases
from domain.flows import MOST_ALIASES, Flow
from domain.generation_commands import (
    CreateGeneration,
    DeleteGeneration,
    RegenerateGeneration,
    UpdateGeneration,
)
from domain.generations import Generation
from domain.image_commands import AssignImageAlias, DeleteImage
from domain.images import Image
from domain.live_scope_commands import CreateLiveScope, DeleteLiveScope, RegenerateLiveScope
from domain.live_scopes import LiveScope
from tests.engine.crew import a_worker, paid_studio, work_off
from tests.images.crew import asked, both, drawn, image_of, many, one, visit, work
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant


@pytest.fixture
async def owner(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Tenant]:
    async with paid_studio(settings, database_url, openai_server) as tenant:
        yield tenant


async def a_flow(owner: Tenant) -> Flow:
    flow: Flow = await owner.do(CreateFlow(project_id=owner.project_id))
    return flow


def named(flow: Flow, alias: str, image: Image) -> SetFlowAliases:
    return SetFlowAliases(id=flow.id, aliases=[FlowAlias(alias=alias, image_id=image.id)])


async def test_a_flow_that_goes_takes_nothing_back_that_a_worker_has_made(owner: Tenant) -> None:
    flow = await a_flow(owner)
    generation = await drawn(owner, flow_id=flow.id)
    before = await image_of(owner, generation)
    await owner.do(RegenerateGeneration(id=generation.id))
    await both(owner, DeleteFlow(id=flow.id), work(owner))
    await work(owner)
    after, done = await image_of(owner, generation), await one(owner, Generation, id=generation.id)
    assert (after.object_key != before.object_key, after.flow_id) == (True, None)
    assert (done.status, done.flow_id) == ("SUCCESS", None)


async def test_a_flow_that_goes_brings_back_nothing_that_was_deleted(owner: Tenant) -> None:
    flow = await a_flow(owner)
    generation = await drawn(owner, flow_id=flow.id, alias="@kept")
    await both(owner, DeleteFlow(id=flow.id), owner.do(DeleteGeneration(id=generation.id)))
    assert (await one(owner, Generation, id=generation.id)).deleted_at is not None
    assert (await image_of(owner, generation)).deleted_at is not None


async def test_a_name_that_moves_while_its_flow_goes_has_moved(owner: Tenant) -> None:
    flow = await a_flow(owner)
    image = await image_of(owner, await drawn(owner, flow_id=flow.id))
    await both(owner, DeleteFlow(id=flow.id), owner.do(AssignImageAlias(id=image.id, alias="@hero")))
    assert (await one(owner, Image, id=image.id)).alias == "@hero"


async def test_a_name_given_while_another_image_goes_is_kept(owner: Tenant) -> None:
    flow, first, second = await a_flow(owner), await drawn(owner), await drawn(owner)
    await owner.do(named(flow, "@a", await image_of(owner, first)))
    gone = DeleteImage(id=(await image_of(owner, first)).id)
    await both(owner, gone, owner.do(named(flow, "@b", await image_of(owner, second))))
    assert list((await one(owner, Flow, id=flow.id)).aliases) == ["@b"]


async def test_no_name_is_left_to_an_image_that_goes_meanwhile(owner: Tenant) -> None:
    flow, generation = await a_flow(owner), await drawn(owner)
    image = await image_of(owner, generation)
    await both(owner, named(flow, "@a", image), owner.do(DeleteImage(id=image.id)))
    assert (await one(owner, Flow, id=flow.id)).aliases == {}


async def test_a_generation_that_moves_leaves_its_image_the_name_it_gets_meanwhile(owner: Tenant) -> None:
    generation = await drawn(owner)
    image = await image_of(owner, generation)
    moving = UpdateGeneration(id=generation.id, flow_id=None)
    await both(owner, moving, owner.do(AssignImageAlias(id=image.id, alias="@hero")))
    moved = await one(owner, Image, id=image.id)
    assert (moved.alias, moved.flow_id) == ("@hero", None)


async def test_what_is_created_in_a_flow_that_goes_finds_that_it_has_gone(owner: Tenant) -> None:
    flow = await a_flow(owner)
    create = CreateGeneration(project_id=owner.project_id, prompt="A kite", flow_id=flow.id, flow_alias="@a")
    await both(owner, DeleteFlow(id=flow.id), owner.do(create))
    (generation,) = await many(owner, Generation)
    assert generation.flow_id == (await one(owner, Flow)).id == flow.id


async def test_a_name_promised_in_a_flow_is_there_for_its_image_however_full_the_flow_becomes(
    owner: Tenant, openai_server: OpenAIServer
) -> None:
    flow, image = await a_flow(owner), await image_of(owner, await drawn(owner))
    names = [FlowAlias(alias=f"@n{number}", image_id=image.id) for number in range(MOST_ALIASES - 1)]
    await owner.do(SetFlowAliases(id=flow.id, aliases=names))
    promise = CreateGeneration(project_id=owner.project_id, prompt="A kite", flow_id=flow.id, flow_alias="@a")
    assert _is_full(await both(owner, promise, owner.do(named(flow, "@b", image))), "aliases")
    await owner.do(named(flow, "@n0", image))  # which it has already
    another = replace(promise, flow_alias="@b")
    assert _is_full((await asyncio.gather(owner.do(another), return_exceptions=True))[0], "flowAlias")

    await openai_server.script("400")
    await work(owner)
    (failed,) = await many(owner, Generation, flow_alias="@a")
    await owner.do(named(flow, "@b", image))  # nobody else is to get it any more
    again = RegenerateGeneration(id=failed.id)
    assert _is_full((await asyncio.gather(owner.do(again), return_exceptions=True))[0], "flowAlias")
    await owner.do(RemoveFlowAlias(id=flow.id, alias="@n0"))
    await owner.do(again)
    await work(owner)
    made = await one(owner, Image, generation_id=failed.id)
    assert (await one(owner, Flow, id=flow.id)).aliases["@a"] == made.id


def _is_full(answer: object, field: str) -> bool:
    return isinstance(answer, InvalidInput) and answer.details == {"field": field}


async def test_two_who_make_it_again_at_once_both_have_it_made(owner: Tenant) -> None:
    generation = await drawn(owner)
    again = RegenerateGeneration(id=generation.id)
    answer = await both(owner, again, owner.do(RegenerateGeneration(id=generation.id)))
    assert answer.retry_count == 2
    await work(owner)
    assert (await one(owner, Generation, id=generation.id)).status == "SUCCESS"
    assert len(await many(owner, Image)) == 1


async def test_what_is_told_has_versions_of_its_own_and_no_failure_that_was_none(owner: Tenant) -> None:
    first, second = await asked(owner), await asked(owner)
    await owner.do(RegenerateGeneration(id=first.id))
    await owner.do(DeleteGeneration(id=second.id))
    await work(owner)
    async with owner.parts.engine.connect() as connection:
        query = text("SELECT event, version FROM events WHERE subject_id = :id ORDER BY seq")
        told = [tuple(row) for row in await connection.execute(query, {"id": first.id})]
        of_second = [tuple(row) for row in await connection.execute(query, {"id": second.id})]
    assert [version for _, version in told] == list(range(1, len(told) + 1))
    assert (told[0][0], told[-1][0]) == ("generation.created", "generation.completed")
    assert of_second == [("generation.created", 1), ("generation.deleted", 2)]


async def test_visitors_and_workers_who_wait_for_each_other_both_go_on(
    owner: Tenant, openai_server: OpenAIServer
) -> None:
    await owner.do(CreateLiveScope(project_id=owner.project_id, slug="hero"))
    for number in range(6):
        await visit(owner, f"picture {number}", f"192.0.2.{number}")
        await openai_server.script("400")
        answer = await both(owner, _nothing(owner), _visit_and_work(owner, number))
        assert not isinstance(answer, BaseException), answer


def _nothing(owner: Tenant) -> CreateFlow:
    return CreateFlow(project_id=owner.project_id)


async def _visit_and_work(owner: Tenant, number: int) -> None:
    await asyncio.gather(
        work_off(owner.parts, a_worker(owner.parts)), visit(owner, f"other {number}", f"198.51.100.{number}")
    )


async def test_a_scope_is_made_again_while_workers_are_at_its_images(owner: Tenant) -> None:
    await owner.do(CreateLiveScope(project_id=owner.project_id, slug="hero"))
    for number in range(5):
        await visit(owner, f"picture {number}", f"192.0.2.{number}")
    scope = await one(owner, LiveScope)
    answer = await both(owner, RegenerateLiveScope(id=scope.id), work(owner))
    assert answer is None
    await work(owner)
    assert {generation.status for generation in await many(owner, Generation)} == {"SUCCESS"}
    another = CreateLiveScope(project_id=owner.project_id, slug="hero")
    answer = await both(owner, DeleteLiveScope(id=scope.id), owner.do(another))
    assert answer.slug == "hero"


async def test_the_last_name_of_what_is_out_of_sight_takes_it_along(owner: Tenant) -> None:
    flow, generation = await a_flow(owner), await drawn(owner)
    await owner.do(named(flow, "@a", await image_of(owner, generation)))
    await owner.do(DeleteGeneration(id=generation.id))
    assert (await image_of(owner, generation)).deleted_at is not None
    await owner.do(RemoveFlowAlias(id=flow.id, alias="@a"))
    assert await many(owner, Image) == []


async def test_a_deleted_generation_is_not_there_to_change(owner: Tenant) -> None:
    generation = await drawn(owner)
    await owner.do(DeleteGeneration(id=generation.id))
    with pytest.raises(DomainError) as refused:
        await owner.do(RegenerateGeneration(id=generation.id))
    assert refused.value.code is ErrorCode.GENERATION_NOT_FOUND
