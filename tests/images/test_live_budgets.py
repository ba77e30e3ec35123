"""What strangers can have the owner of a project pay for, and what is not theirs."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from app.settings import Settings
from domain.accounts import Account
from domain.errors import DomainError, ErrorCode
from domain.generation_commands import RegenerateGeneration, UpdateGeneration
from domain.generations import Generation
from domain.live_scope_commands import CreateLiveScope
from domain.live_scopes import LiveScope
from domain.projects import ProjectStatus, UpdateProject
from rest.api_v1.live import SCOPE
from tests.engine.crew import paid_studio
from tests.images.crew import many, one, visit, work
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant


@pytest.fixture
async def owner(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Tenant]:
    async with paid_studio(settings, database_url, openai_server) as tenant:
        await tenant.do(CreateLiveScope(project_id=tenant.project_id, slug="hero"))
        yield tenant


async def code_of(attempt: object) -> ErrorCode:
    with pytest.raises(DomainError) as refused:
        await attempt  # type: ignore[misc]
    return refused.value.code


async def allow(owner: Tenant, **settings: object) -> None:
    await owner.do(UpdateProject(id=owner.project_id, settings=settings))


async def test_what_the_provider_refused_is_not_asked_again(owner: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("policy")
    await visit(owner, "a bad idea", "192.0.2.1")
    await work(owner)
    assert await code_of(visit(owner, "a bad idea", "192.0.2.2")) is ErrorCode.PROVIDER_REFUSED
    assert len(await openai_server.requests()) == 1
    assert (await one(owner, LiveScope)).current_generations == 0


async def test_what_fails_counts_in_the_day_however_often_it_is_tried(
    owner: Tenant, openai_server: OpenAIServer
) -> None:
    await allow(owner, liveGenerationsPerDay=2)
    for number in range(2):
        await openai_server.script("400")
        await visit(owner, "it fails", f"192.0.2.{number}")
        await work(owner)
    assert await code_of(visit(owner, "it fails", "192.0.2.9")) is ErrorCode.SCOPE_GENERATION_LIMIT_EXCEEDED
    assert len(await many(owner, Generation)) == 1
    assert (await one(owner, LiveScope)).current_generations == 0


async def test_keyed_callers_and_owners_use_up_nothing_of_the_visitors_day(owner: Tenant) -> None:
    await allow(owner, liveGenerationsPerDay=1)
    for number in range(3):
        await visit(owner, f"picture {number}", None, SCOPE)
    await work(owner)
    for generation in await many(owner, Generation):
        await owner.do(RegenerateGeneration(id=generation.id))
    await work(owner)
    await visit(owner, "at last", "192.0.2.1")


async def test_what_keyed_callers_have_is_nothing_that_visitors_can_name(owner: Tenant) -> None:
    await visit(owner, "a secret", None, SCOPE)
    await work(owner)
    assert await code_of(_visit_now(owner)) is ErrorCode.SCOPE_INVALID_FORMAT


async def _visit_now(owner: Tenant) -> None:
    await visit(owner, "a secret", "192.0.2.1", SCOPE)


async def test_owners_who_try_again_give_nothing_back_that_was_not_taken(
    owner: Tenant, openai_server: OpenAIServer
) -> None:
    for number in range(3):
        await visit(owner, f"picture {number}", f"192.0.2.{number}")
    await work(owner)
    (generation, *_) = await many(owner, Generation)
    for _ in range(2):
        await openai_server.script("400")
        await owner.do(RegenerateGeneration(id=generation.id))
        await work(owner)
    assert (await one(owner, LiveScope)).current_generations == 3


async def test_a_live_url_shows_what_it_says_whatever_is_changed(owner: Tenant) -> None:
    await visit(owner, "a cat", "192.0.2.1")
    await work(owner)
    generation = await one(owner, Generation)
    assert await code_of(owner.do(UpdateGeneration(id=generation.id, prompt="a dog"))) is ErrorCode.VALIDATION_ERROR
    await owner.do(UpdateGeneration(id=generation.id, meta={"seen": True}))


async def test_a_project_that_was_put_away_spends_nothing(owner: Tenant) -> None:
    await owner.do(UpdateProject(id=owner.project_id, status=ProjectStatus.ARCHIVED))
    assert await code_of(visit(owner, "a cat", "192.0.2.1")) is ErrorCode.SCOPE_GENERATION_LIMIT_EXCEEDED


async def test_a_scope_is_charged_for_what_was_paid_for(owner: Tenant, openai_server: OpenAIServer) -> None:
    before = (await one(owner, Account)).available
    await visit(owner, "a cat", "192.0.2.1")
    await work(owner)
    assert (await one(owner, Account)).available == before - Decimal(1)
    assert (await one(owner, LiveScope)).current_generations == 1
