"""Who may read which noun: with its permission, in their own organization and project, and nowhere else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from app.parts import Parts
from domain.accounts import Account, LedgerEntry
from domain.api_keys import ApiKey
from domain.assets import Asset, AssetType, CreateAsset
from domain.circuits import Circuit
from domain.errors import DomainError, ErrorCode
from domain.flow_commands import CreateFlow
from domain.flows import Flow
from domain.generations import Generation
from domain.image_uploads import ImageUpload
from domain.images import Image
from domain.live_scopes import LiveScope
from domain.members import Member, SetMember
from domain.organizations import Organization
from domain.permissions import OF_THE_ORGANIZATION, Actor, Role
from domain.projects import CreateProject, Project
from domain.runs import Run
from domain.shots.batch import ShotBatch
from domain.shots.commands import CancelShot
from domain.shots.files import ShotFile
from domain.shots.logs import LogLine
from domain.shots.shot import Shot
from domain.steps import Step
from domain.webhook_deliveries import WebhookDelivery
from domain.webhooks import WebhookEndpoint
from domain.workflows import Workflow, WorkflowVersion
from storage.reads import NODES, READS, Reads
from tests.conftest import parts_of_many
from tests.contract.callers import ANNOUNCER, CALLERS, HOUSE, KEY, NO_SCOPE, caller, member
from tests.contract.shot_rows import a_shot
from tests.contract.studio_rows import a_delivery, a_generation, a_live_scope, an_upload, finished
from tests.studio import Tenant, newcomer

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A provider is everybody's; all else belongs to an organization.
EVERYBODYS = {Circuit}
# Who may let others in is for owners to see.
READERS = {
    ApiKey: {"OWNER", KEY, HOUSE},
    WebhookEndpoint: {"OWNER", "EDITOR", KEY, HOUSE},
    WebhookDelivery: {"OWNER", "EDITOR", KEY, HOUSE},
    ImageUpload: {"OWNER", "EDITOR", KEY, HOUSE},
}
OWNED = [kind for kind in READS if kind not in EVERYBODYS]
NOUNS = {Organization, Project, Workflow, WorkflowVersion, Asset, Run, Step, Image} | {ApiKey, Account, LedgerEntry}
NOUNS |= {Flow, Generation, LiveScope, WebhookEndpoint, WebhookDelivery, Member} | EVERYBODYS
NOUNS |= {ImageUpload, ShotBatch, Shot, ShotFile, LogLine}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    async with parts_of_many(tmp_path_factory) as one:
        yield one


async def filled(parts: Parts) -> Tenant:
    """A tenant with one of each noun at least."""
    one = await newcomer(parts)
    await finished(one)
    await one.do(CreateAsset(project_id=one.project_id, type=AssetType.DATASET, label="Rows"))
    await one.do(SetMember(project_id=one.project_id, subject="ada", role=Role.VIEWER))
    await a_delivery(one)
    await one.do(CreateFlow(project_id=one.project_id))
    await a_generation(one)
    await a_live_scope(one)
    await one.do(an_upload(one))
    await one.do(CancelShot(id=(await a_shot(one)).id))
    return one


async def seen(reads: Reads, kind: type[Any], actor: Actor, id_: str) -> list[bool]:
    """Whether each way of reading finds the row."""
    page = await reads.page(kind, actor, first=100, after=None)
    ways = [
        await reads.one(kind, actor, id=id_) is not None,
        id_ in [row.id for row in await reads.many(kind, actor)],
        id_ in [row.id for row in await reads.newest_of_each(kind, actor, "id", [id_])],
        id_ in [row.id for row in page.nodes] and await page.total_count() > 0,
    ]
    return ways + ([await reads.any_node(actor, id_) is not None] if kind in NODES else [])


async def test_every_noun_has_its_row() -> None:
    assert set(READS) == NOUNS


@pytest.mark.parametrize("kind", OWNED, ids=lambda kind: kind.__name__)
async def test_a_noun_is_read_by_those_who_may_and_only_where_they_are_at_home(kind: type[Any], parts: Parts) -> None:
    home, away = await filled(parts), await newcomer(parts, "shop")
    reads = parts.studio.reads
    id_ = (await reads.many(kind, home.actor))[0].id
    for name in READERS.get(kind, CALLERS.keys() - {NO_SCOPE, ANNOUNCER}):
        assert all(await seen(reads, kind, caller(name, home.actor.organization_id), id_)), name
        assert not any(await seen(reads, kind, caller(name, away.actor.organization_id), id_)), name


@pytest.mark.parametrize("kind", OWNED, ids=lambda kind: kind.__name__)
async def test_a_noun_takes_its_own_permission(kind: type[Any], parts: Parts) -> None:
    home, reads = await filled(parts), parts.studio.reads
    id_ = (await reads.many(kind, home.actor))[0].id
    blind = replace(home.actor, permissions=home.actor.permissions - {READS[kind]})
    for actor in (blind, *(caller(name, home.actor.organization_id) for name in (NO_SCOPE, ANNOUNCER))):
        with pytest.raises(DomainError) as refused:
            await reads.one(kind, actor, id=id_)
        assert refused.value.code is ErrorCode.FORBIDDEN
        assert kind not in NODES or await reads.any_node(actor, id_) is None


@pytest.mark.parametrize("kind", [kind for kind in OWNED if kind not in {Organization, Account}])
async def test_a_key_of_another_project_sees_nothing_of_this_one(kind: type[Any], parts: Parts) -> None:
    home, reads = await filled(parts), parts.studio.reads
    other = await home.do(CreateProject(name="Shop"))
    id_ = next(row.id for row in await reads.many(kind, home.actor) if row.id != other.id)
    assert not any(await seen(reads, kind, replace(home.actor, project_id=other.id), id_))


@pytest.mark.parametrize("kind", [kind for kind in OWNED if READS[kind] not in OF_THE_ORGANIZATION])
async def test_a_member_sees_their_own_project_and_no_other(kind: type[Any], parts: Parts) -> None:
    home, reads = await filled(parts), parts.studio.reads
    other = await home.do(CreateProject(name="Shop"))
    id_ = next(row.id for row in await reads.many(kind, home.actor) if row.id != other.id)
    ours = home.actor.organization_id
    for role in (role for role in Role if role in READERS.get(kind, set(Role))):
        assert all(await seen(reads, kind, member(ours, {home.project_id: role}), id_)), role
        assert all(await seen(reads, kind, member(ours, {other.id: Role.EDITOR}, role), id_)), role
        elsewhere = await seen(reads, kind, member(ours, {other.id: role}), id_)
        assert all(elsewhere) if kind is Organization else not any(elsewhere), role
        assert not any(await seen(reads, kind, member(other.id, {home.project_id: role}), id_)), role


@pytest.mark.parametrize("kind", [WebhookEndpoint, WebhookDelivery, ImageUpload])
async def test_who_may_see_it_in_another_project_alone_sees_nothing_of_it_here(kind: type[Any], parts: Parts) -> None:
    home, reads = await filled(parts), parts.studio.reads
    other = await home.do(CreateProject(name="Shop"))
    (row, *_) = await reads.many(kind, home.actor)
    viewer = member(home.actor.organization_id, {home.project_id: Role.VIEWER, other.id: Role.EDITOR})
    assert not any(await seen(reads, kind, viewer, row.id))


@pytest.mark.parametrize("kind", [kind for kind in OWNED if READS[kind] in OF_THE_ORGANIZATION])
async def test_what_is_the_organizations_takes_a_role_in_the_organization(kind: type[Any], parts: Parts) -> None:
    home, reads = await filled(parts), parts.studio.reads
    (row, *_) = await reads.many(kind, home.actor)
    insider = member(home.actor.organization_id, {home.project_id: Role.OWNER})
    with pytest.raises(DomainError) as refused:
        await reads.one(kind, insider, id=row.id)
    assert refused.value.code is ErrorCode.FORBIDDEN
    assert kind not in NODES or await reads.any_node(insider, row.id) is None


async def test_how_the_providers_are_is_for_all_who_may_read_runs(parts: Parts) -> None:
    home, reads = await newcomer(parts), parts.studio.reads
    assert [circuit.id for circuit in await reads.many(Circuit, home.actor)] == ["sketch"]
    with pytest.raises(DomainError):
        await reads.many(Circuit, caller(NO_SCOPE, home.actor.organization_id))
