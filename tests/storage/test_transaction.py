"""One command, one transaction: whose rows there are, and what a failure leaves behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.parts import Parts
from domain.assets import Asset, AssetType, CreateAsset, UpdateAsset
from domain.errors import DomainError, ErrorCode
from domain.permissions import Actor, Permission
from domain.ports import Command, Transaction
from domain.projects import CreateProject, Project
from domain.run_commands import StartRun, start_run
from storage.tables import events, idempotency_keys, projects, runs
from tests.studio import Tenant, tenant

KEY = "a-key-of-16-chars"


@asynccontextmanager
async def transaction(parts: Parts, actor: Actor) -> AsyncIterator[Transaction]:
    async with parts.database.begin(actor, Command[Any](), actor.reach(Permission.ASSETS_WRITE)) as tx:
        yield tx


async def rows(parts: Parts, table: Any) -> int:
    async with parts.engine.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def jobs(parts: Parts) -> int:
    return await rows(parts, text("pgqueuer"))


async def a_prompt(owner: Tenant, label: str = "Fog") -> Asset:
    asset: Asset = await owner.do(
        CreateAsset(project_id=owner.project_id, type=AssetType.PROMPT, label=label, content="Thick fog")
    )
    return asset


async def test_a_row_of_another_organization_does_not_exist(parts: Parts) -> None:
    asset, stranger = await a_prompt(await tenant(parts, "acme", "studio")), await tenant(parts, "globex", "shop")

    async with transaction(parts, stranger.actor) as tx:
        assert await tx.find(Asset, id=asset.id) == []
        with pytest.raises(DomainError) as refused:
            await tx.get(Asset, asset.id)
    assert refused.value.code is ErrorCode.ASSET_NOT_FOUND
    with pytest.raises(DomainError) as refused:
        await stranger.do(UpdateAsset(id=asset.id, label="Mine now"))
    assert refused.value.code is ErrorCode.ASSET_NOT_FOUND


async def test_a_row_of_another_organization_cannot_be_saved(parts: Parts) -> None:
    owner, stranger = await tenant(parts, "acme", "studio"), await tenant(parts, "globex", "shop")
    asset = await a_prompt(owner)

    with pytest.raises(DomainError) as refused:
        async with transaction(parts, stranger.actor) as tx:
            tx.save(replace(asset, label="Mine now"))
    assert refused.value.code is ErrorCode.ASSET_NOT_FOUND
    assert await parts.studio.reads.one(Asset, owner.actor, id=asset.id) == asset


async def test_whoever_is_confined_to_a_project_sees_no_other(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    asset, other = await a_prompt(owner), await owner.do(CreateProject(name="Other"))
    confined = replace(owner.actor, project_id=other.id)

    async with transaction(parts, confined) as tx:
        assert await tx.find(Asset) == []
        assert [project.id for project in await tx.find(Project)] == [other.id]
        for kind, hidden in ((Asset, asset.id), (Project, owner.project_id)):
            with pytest.raises(DomainError, match="There is no such"):
                await tx.get(kind, hidden)
        with pytest.raises(DomainError, match="There is no such asset"):
            tx.save(asset)


@pytest.mark.parametrize("id", ["", "x", "00000000-0000-0000-0000-000000000000", "\x00", "\ud800", "1" * 10_000])
async def test_an_id_that_names_nothing_is_not_found(parts: Parts, id: str) -> None:
    with pytest.raises(DomainError) as refused:
        await (await tenant(parts, "acme", "studio")).do(UpdateAsset(id=id, label="New"))  # type: ignore[arg-type]
    assert refused.value.code is ErrorCode.ASSET_NOT_FOUND


async def test_a_failure_leaves_no_row_no_event_no_job_and_no_key(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    workflow = await owner.hero_image()
    before = [await rows(parts, table) for table in (runs, events, idempotency_keys)] + [await jobs(parts)]

    start = StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, client_mutation_id=KEY)
    with pytest.raises(SomethingWrongError):
        await start_and_fail(parts, owner.actor, start)
    assert [await rows(parts, table) for table in (runs, events, idempotency_keys)] + [await jobs(parts)] == before


class SomethingWrongError(Exception):
    pass


async def start_and_fail(parts: Parts, actor: Actor, start: StartRun) -> None:
    """Everything that starting a run writes, as far as the last statement."""
    async with parts.database.begin(actor, start, None) as tx:
        await tx.earlier_answer()
        tx.answer(await start_run(tx, actor, start))
        await tx.finish()
        raise SomethingWrongError


async def test_a_slug_that_is_taken_is_a_conflict_that_names_the_field(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "website")
    with pytest.raises(DomainError) as refused:
        await owner.do(CreateProject(name="Website", slug="website"))
    assert (refused.value.code, refused.value.details["field"]) == (ErrorCode.CONFLICT, "slug")


async def test_two_organizations_may_use_the_same_slug(parts: Parts) -> None:
    first, second = await tenant(parts, "acme", "site"), await tenant(parts, "globex", "site")
    assert first.project_id != second.project_id
    assert await rows(parts, projects) == 2


NOT_TO_BE_KEPT: dict[str, dict[str, Any]] = {
    "half a character in a label": {"label": "lone surrogate \ud800"},
    "half a character in a text": {"content": "lone surrogate \udfff"},
    "half a character in a key": {"metadata": {"\ud800": 1}},
    "a number of 5,000 digits": {"metadata": {"big": 10**4999}},
    "NUL in a value": {"metadata": {"nul": "a\x00b"}},
    "NUL in a label": {"label": "a\x00b"},
    "NUL in an idempotency key": {"client_mutation_id": "long enough for a key \x00"},
    "half a character in an idempotency key": {"client_mutation_id": "long enough for a key \ud800"},
}


@pytest.mark.parametrize("changes", NOT_TO_BE_KEPT.values(), ids=NOT_TO_BE_KEPT)
@pytest.mark.parametrize("key", [None, KEY])
async def test_what_cannot_be_kept_is_refused_as_input(parts: Parts, changes: dict[str, Any], key: str | None) -> None:
    owner = await tenant(parts, "acme", "studio")
    given = {"type": AssetType.DATASET, "label": "Rows", "client_mutation_id": key, **changes}
    with pytest.raises(DomainError) as refused:
        await owner.do(CreateAsset(project_id=owner.project_id, **given))
    assert refused.value.code is ErrorCode.VALIDATION_ERROR
    assert await parts.studio.reads.many(Asset, owner.actor) == []


@pytest.mark.parametrize("version", [2**31, 2**63, 2**200, -(2**40)])
async def test_a_number_out_of_range_is_refused_as_input(parts: Parts, version: int) -> None:
    owner = await tenant(parts, "acme", "studio")
    workflow = await owner.hero_image()
    with pytest.raises(DomainError) as refused:
        await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, workflow_version=version))
    assert refused.value.code is ErrorCode.VALIDATION_ERROR


async def test_writes_are_seen_by_the_reads_that_follow(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    async with transaction(parts, owner.actor) as tx:
        asset = Asset(
            organization_id=owner.actor.organization_id,
            project_id=owner.project_id,
            type=AssetType.DATASET,
            label="Rows",
        )
        tx.add(asset)
        asset.label = "Better rows"
        tx.save(asset)
        assert (await tx.get(Asset, asset.id)).label == "Better rows"
