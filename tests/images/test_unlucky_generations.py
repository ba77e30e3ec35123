"""Generations that fail, are deleted while they are drawn, or whose image comes too late."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import text

from app.settings import Settings
from domain.accounts import Account
from domain.errors import DomainError, ErrorCode
from domain.generation_commands import CreateGeneration, RegenerateGeneration
from domain.generations import Generation
from domain.images import Image
from domain.run_commands import RetryRun
from domain.runs import Run
from tests.engine.crew import a_worker, paid_studio, work_off
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant


@pytest.fixture
async def owner(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Tenant]:
    async with paid_studio(settings, database_url, openai_server) as one:
        yield one


async def create(owner: Tenant, **more: object) -> Generation:
    command = CreateGeneration(project_id=owner.project_id, prompt="A kite", auto_enhance=False, **more)  # type: ignore[arg-type]
    generation: Generation = await owner.do(command)
    return generation


async def now(owner: Tenant, generation: Generation) -> Generation:
    found = await owner.parts.studio.reads.one(Generation, owner.actor, id=generation.id)
    assert found is not None
    return found


async def run_of(owner: Tenant, generation: Generation) -> Run:
    found = await owner.parts.studio.reads.one(Run, owner.actor, id=generation.run_id)
    assert found is not None
    return found


async def images(owner: Tenant) -> list[Image]:
    return await owner.parts.studio.reads.many(Image, owner.actor)


async def available(owner: Tenant) -> Decimal:
    found = await owner.parts.studio.reads.one(Account, owner.actor)
    assert found is not None
    return found.available


async def test_what_a_provider_refuses_has_failed_and_lets_go_of_its_name_and_its_credits(
    owner: Tenant, openai_server: OpenAIServer
) -> None:
    before = await available(owner)
    await openai_server.script("policy")
    failed = await create(owner, alias="@hero")
    assert await available(owner) == before - 1
    await work_off(owner.parts, a_worker(owner.parts))
    failed = await now(owner, failed)
    assert (failed.status, failed.cost, failed.output_image_id) == ("FAILED", None, None)
    assert failed.error_message
    assert await available(owner) == before
    other = await create(owner, alias="@hero")
    await owner.do(RegenerateGeneration(id=failed.id))
    await work_off(owner.parts, a_worker(owner.parts))
    assert [image.alias for image in await images(owner)].count("@hero") == 1
    assert ((await now(owner, failed)).status, (await now(owner, other)).cost) == ("SUCCESS", Decimal(1))
    assert await available(owner) == before - 2


async def test_one_that_failed_gets_its_name_when_it_succeeds_at_last(
    owner: Tenant, openai_server: OpenAIServer
) -> None:
    await openai_server.script("policy")
    failed = await create(owner, alias="@hero")
    await work_off(owner.parts, a_worker(owner.parts))
    await owner.do(RegenerateGeneration(id=failed.id))
    await work_off(owner.parts, a_worker(owner.parts))
    (image,) = await images(owner)
    assert (image.alias, image.generation_id) == ("@hero", failed.id)


async def test_a_regeneration_that_fails_leaves_the_image_as_it_was(owner: Tenant, openai_server: OpenAIServer) -> None:
    generation = await create(owner)
    await work_off(owner.parts, a_worker(owner.parts))
    (before,) = await images(owner)
    await openai_server.script("policy")
    await owner.do(RegenerateGeneration(id=generation.id))
    await work_off(owner.parts, a_worker(owner.parts))
    failed = await now(owner, generation)
    assert (failed.status, failed.output_image_id) == ("FAILED", before.id)
    (after,) = await images(owner)
    assert (after.object_key, after.file_hash, after.version) == (before.object_key, before.file_hash, before.version)


async def test_the_run_of_a_generation_is_not_repeated_by_itself(owner: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("policy")
    failed = await create(owner)
    await work_off(owner.parts, a_worker(owner.parts))
    with pytest.raises(DomainError) as refused:
        await owner.do(RetryRun(id=str((await now(owner, failed)).run_id)))  # type: ignore[arg-type]
    assert refused.value.code is ErrorCode.VALIDATION_ERROR


async def test_what_cannot_be_paid_is_not_begun(owner: Tenant) -> None:
    async with owner.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE accounts SET available = 0"))
    with pytest.raises(DomainError) as refused:
        await create(owner, alias="@hero")
    assert refused.value.code is ErrorCode.INSUFFICIENT_CREDITS
    assert await owner.parts.studio.reads.many(Generation, owner.actor) == []
