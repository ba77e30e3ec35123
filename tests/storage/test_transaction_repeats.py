"""Idempotency keys: a repeated command gets its first answer, and has one effect."""

import asyncio
import os
from dataclasses import replace

import pytest
from sqlalchemy import text

from app.parts import Parts
from domain.assets import Asset, AssetType, CreateAsset
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.projects import CreateProject, Project, UpdateProject
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.workflows import Workflow
from tests.studio import Tenant, tenant

KEY = "exactly-16-chars"
GROUPS, TWINS = int(os.environ.get("EASEL_TEST_TWINS", "4")), 50


def rows_asset(owner: Tenant, label: str = "Rows", *, key: str | None = KEY, **metadata: int) -> CreateAsset:
    return CreateAsset(
        project_id=owner.project_id, type=AssetType.DATASET, label=label, metadata=metadata, client_mutation_id=key
    )


async def assets_of(owner: Tenant) -> list[Asset]:
    return await owner.parts.studio.reads.many(Asset, owner.actor)


async def test_a_repeat_gets_the_same_entity_and_makes_no_second_row(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    first = await owner.do(rows_asset(owner))
    assert await owner.do(rows_asset(owner)) == first
    assert await assets_of(owner) == [first]


async def test_the_order_of_json_keys_makes_no_other_input(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    first = await owner.do(rows_asset(owner, one=1, two=2))
    assert await owner.do(rows_asset(owner, two=2, one=1)) == first


async def test_the_same_key_with_another_input_is_a_conflict(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    await owner.do(rows_asset(owner))
    for other in (rows_asset(owner, "Other rows"), CreateProject(name="Other", client_mutation_id=KEY)):
        with pytest.raises(DomainError) as refused:
            await owner.do(other)
        assert (refused.value.code, refused.value.details["field"]) == (ErrorCode.CONFLICT, "clientMutationId")
    assert len(await assets_of(owner)) == 1


async def test_twenty_twins_at_once_have_one_effect_and_equal_answers(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    workflow: Workflow = await owner.hero_image()
    start = StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, client_mutation_id=KEY)

    answers = await asyncio.gather(*(owner.do(start) for _ in range(20)))
    assert len({answer.id for answer in answers}) == 1
    assert all(answer == answers[0] for answer in answers)
    assert [run.id for run in await parts.studio.reads.many(Run, owner.actor)] == [answers[0].id]
    assert len(await parts.studio.events.of_run(owner.project_id, answers[0].id, 0, most=100)) == 1


@pytest.mark.timeout(120 + GROUPS)
async def test_of_many_twins_half_of_them_changed_one_takes_effect(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    for group in range(1, GROUPS + 1):
        labels = ["This" if number % 2 else "That" for number in range(TWINS)]
        commands = [rows_asset(owner, label, key=f"group-of-twins-{group}") for label in labels]
        answers = await asyncio.gather(*map(owner.do, commands), return_exceptions=True)
        conflicts = [answer for answer in answers if isinstance(answer, DomainError)]
        assert {conflict.code for conflict in conflicts} == {ErrorCode.CONFLICT}
        assert len(conflicts) == TWINS // 2
        assert {answer.id for answer in answers if isinstance(answer, Asset)} == {(await assets_of(owner))[0].id}
        assert len(await assets_of(owner)) == group


async def test_what_was_refused_for_what_it_found_is_refused_again_whatever_has_changed(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    create = CreateProject(name="Second", slug="second", client_mutation_id=KEY)
    taken: Project = await owner.do(CreateProject(name="Other", slug="second"))
    with pytest.raises(DomainError, match="exists already") as first:
        await owner.do(create)
    async with parts.engine.begin() as connection:
        await connection.execute(text("UPDATE projects SET slug = 'renamed' WHERE id = :id"), {"id": taken.id})

    with pytest.raises(DomainError) as again:
        await owner.do(create)
    assert again.value.extensions == first.value.extensions
    with pytest.raises(DomainError, match="another input"):
        await owner.do(CreateProject(name="Third", slug="third", client_mutation_id=KEY))
    assert (await owner.do(replace(create, client_mutation_id=KEY + "x"))).slug == "second"


async def test_what_was_refused_for_its_input_may_be_mended_under_the_same_key(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    start = StartRun(workflow_id=(await owner.hero_image()).id, inputs={}, client_mutation_id=KEY)
    with pytest.raises(DomainError, match="prompt is required"):
        await owner.do(start)
    assert (await owner.do(replace(start, inputs={"prompt": "A kite"}))).status == "QUEUED"


async def test_an_earlier_version_that_was_refused_tells_the_current_one_again(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    rename = UpdateProject(id=owner.project_id, expected_version=7, name="Late", client_mutation_id=KEY)
    told = []
    for _ in range(2):
        with pytest.raises(DomainError) as refused:
            await owner.do(rename)
        told.append(refused.value.extensions)
    assert told[0] == told[1]
    assert told[0]["currentVersion"] == 1


@pytest.mark.parametrize(("key", "effects"), [("x" * 15, 2), ("x" * 16, 1), ("x" * 255, 1), (None, 2), ("", 2)])
async def test_shorter_ids_are_no_keys(parts: Parts, key: str | None, effects: int) -> None:
    owner = await tenant(parts, "acme", "studio")
    answers = [await owner.do(rows_asset(owner, key=key)) for _ in range(2)]
    assert len({answer.id for answer in answers}) == len(await assets_of(owner)) == effects


async def test_a_key_of_256_characters_is_refused(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    with pytest.raises(DomainError) as refused:
        await owner.do(rows_asset(owner, key="x" * 256))
    assert (refused.value.code, refused.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "clientMutationId")
    assert await assets_of(owner) == []


async def test_an_expired_key_may_be_used_again(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    first = await owner.do(rows_asset(owner))
    async with parts.engine.begin() as connection:
        await connection.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"))

    second = await owner.do(rows_asset(owner, "Other rows"))
    assert {asset.id for asset in await assets_of(owner)} == {first.id, second.id}
    assert await owner.do(rows_asset(owner, "Other rows")) == second


async def test_the_same_key_of_another_actor_is_another_key(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    first = await owner.do(rows_asset(owner))
    colleague = replace(owner.actor, subject="another-key")
    second = await execute(parts.database.begin, colleague, rows_asset(owner, "Other rows"))
    assert first.id != second.id


async def test_the_same_key_in_another_organization_is_another_key(parts: Parts) -> None:
    owner, other = await tenant(parts, "acme", "studio"), await tenant(parts, "globex", "shop")
    first, second = await owner.do(rows_asset(owner)), await other.do(rows_asset(other))
    assert (await assets_of(owner), await assets_of(other)) == ([first], [second])


async def test_a_repeated_cancel_gives_the_same_outcome(parts: Parts) -> None:
    owner = await tenant(parts, "acme", "studio")
    workflow: Workflow = await owner.hero_image()
    run: Run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}))

    answers = [await owner.do(CancelRun(id=run.id, client_mutation_id=KEY)) for _ in range(2)]
    assert answers[0].outcome == answers[1].outcome == "CANCELED"
    assert answers[0].run.version == answers[1].run.version
