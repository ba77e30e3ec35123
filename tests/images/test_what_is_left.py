"""What comes too late, cannot be found any more, or is more than can be removed at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.settings import Settings
from domain.errors import DomainError, ErrorCode
from domain.flow_commands import CreateFlow, DeleteFlow
from domain.generation_commands import CreateGeneration, DeleteGeneration, RegenerateGeneration
from domain.generations import Generation
from domain.image_commands import DeleteImage
from domain.images import Image
from domain.leftovers import AT_ONCE
from domain.live_scope_commands import CreateLiveScope, DeleteLiveScope
from domain.live_scopes import LiveScope
from domain.runs import Run
from storage.discarded import remove_discarded
from tests.engine.crew import a_reconciler, a_worker, paid_studio, work_up_to
from tests.images.crew import asked, drawn, image_of, many, one, visit, work
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant


@pytest.fixture
async def owner(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Tenant]:
    async with paid_studio(settings, database_url, openai_server) as tenant:
        yield tenant


async def objects(owner: Tenant) -> int:
    """How many there are once what nobody needs is gone."""
    await remove_discarded(owner.parts.engine, owner.parts.objects)
    return len([stored for page in [page async for page in owner.parts.objects.walk()] for stored in page])


@pytest.mark.parametrize("change", [DeleteGeneration, RegenerateGeneration])
async def test_a_picture_that_comes_too_late_leaves_nothing(
    owner: Tenant, openai_server: OpenAIServer, change: type[DeleteGeneration] | type[RegenerateGeneration]
) -> None:
    worker = a_worker(owner.parts)
    generation = await asked(owner, alias="@hero")
    run = await one(owner, Run, id=generation.run_id)
    job = await work_up_to(owner.parts, worker, owner, run, "draw")
    await openai_server.script("slow")
    drawing = asyncio.create_task(worker.do(job))
    await openai_server.requests(at_least=1)
    await owner.do(change(id=generation.id))
    await openai_server.release()
    await drawing
    await work(owner)
    made = change is RegenerateGeneration
    assert len(await many(owner, Image)) == await objects(owner) == made
    assert all(image.alias == "@hero" for image in await many(owner, Image))


async def test_a_lost_answer_is_a_failure_that_can_be_made_again(owner: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("cut")
    generation = await asked(owner, alias="@hero")
    await work(owner)
    failed = await one(owner, Generation, id=generation.id)
    assert (failed.status, failed.error.code) == ("FAILED", ErrorCode.OUTCOME_UNKNOWN)
    await owner.do(RegenerateGeneration(id=generation.id))
    await work(owner)
    assert (await image_of(owner, generation)).alias == "@hero"


async def test_references_are_the_same_again_or_it_is_said_that_they_are_not(owner: Tenant) -> None:
    kite = await image_of(owner, await drawn(owner, alias="@kite"))
    generation = await drawn(owner, reference_images=["@kite"])
    await owner.do(DeleteGeneration(id=str(kite.generation_id)))  # type: ignore[arg-type]
    await owner.do(RegenerateGeneration(id=generation.id))
    await work(owner)
    assert (await one(owner, Generation, id=generation.id)).status == "SUCCESS"
    await owner.do(DeleteImage(id=kite.id))
    with pytest.raises(DomainError) as refused:
        await owner.do(RegenerateGeneration(id=generation.id))
    assert refused.value.code is ErrorCode.IMAGE_NOT_FOUND


async def test_names_that_went_with_an_image_are_not_taken_from_whoever_has_them_now(owner: Tenant) -> None:
    generation = await drawn(owner, alias="@hero", flow_alias="@start")
    assert generation.flow_id is not None
    await owner.do(DeleteImage(id=(await image_of(owner, generation)).id))
    other = await drawn(owner, alias="@hero")
    await owner.do(RegenerateGeneration(id=generation.id))
    await work(owner)
    assert (await one(owner, Generation, id=generation.id)).status == "SUCCESS"
    assert ((await image_of(owner, generation)).alias, (await image_of(owner, other)).alias) == (None, "@hero")


FRESH = {"id": "gen_random_uuid()"} | dict.fromkeys(("storage_key", "file_name", "live_key"), "gen_random_uuid()::text")
UNSET = dict.fromkeys(("alias", "output_image_id", "run_id", "generation_id"), "NULL")


async def many_of(owner: Tenant, table: str, column: str, id_: str, count: int) -> None:
    """So many rows more like the one that belongs to the same."""
    of_table = text("SELECT column_name FROM information_schema.columns WHERE table_name = :name")
    async with owner.parts.engine.begin() as connection:
        names = (await connection.execute(of_table, {"name": table})).scalars().all()
        values = ", ".join((FRESH | UNSET).get(name, name) for name in names)
        copied = f"SELECT {values} FROM {table}, generate_series(1, {count}) WHERE {column} = :id"  # noqa: S608
        await connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) {copied}"), {"id": id_})


async def test_a_large_flow_goes_at_once_and_what_was_in_it_leaves_part_after_part(owner: Tenant) -> None:
    flow = await owner.do(CreateFlow(project_id=owner.project_id))
    await drawn(owner, flow_id=flow.id)
    await many_of(owner, "images", "flow_id", flow.id, 2 * AT_ONCE + 10)
    await owner.do(DeleteFlow(id=flow.id))
    assert len(await many(owner, Image, flow_id=flow.id)) == AT_ONCE + 11
    with pytest.raises(DomainError):
        await owner.do(CreateGeneration(project_id=owner.project_id, prompt="A kite", flow_id=flow.id))
    await a_reconciler(owner.parts).reconcile()
    assert await many(owner, Image, flow_id=flow.id) == []
    await asked(owner, flow_id=flow.id)


async def test_a_large_scope_goes_at_once_and_its_images_part_after_part(owner: Tenant) -> None:
    await owner.do(CreateLiveScope(project_id=owner.project_id, slug="hero"))
    await visit(owner, "a cat", "192.0.2.1")
    await work(owner)
    scope = await one(owner, LiveScope)
    await many_of(owner, "generations", "live_scope_id", scope.id, AT_ONCE + 10)
    await owner.do(DeleteLiveScope(id=scope.id))
    assert await many(owner, LiveScope) == []
    assert len(await many(owner, Generation, live_scope_id=scope.id)) == 11
    await owner.do(CreateLiveScope(project_id=owner.project_id, slug="hero"))
    await a_reconciler(owner.parts).reconcile()
    assert await many(owner, Generation, deleted_at=None) == []
    assert (await many(owner, Image), await objects(owner)) == ([], 0)
    async with owner.parts.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM leftovers"))).scalar_one() == 0
