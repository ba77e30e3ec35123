"""Who may give which command, in their own organization and in another's: every caller, every command."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from app.parts import Parts
from domain.accounts import GrantCredits
from domain.announcements import Announce, EndAnnouncement, TellAnnouncement
from domain.api_keys import CreateApiKey, IssueApiKey, RevokeApiKey, UpdateApiKey
from domain.assets import CreateAsset, UpdateAsset
from domain.claiming import ClaimStep
from domain.claims import ClaimWork, ReleaseClaim
from domain.clearing import ClearLeftover
from domain.commands import COMMANDS, execute
from domain.errors import DomainError
from domain.execution import FinishStep, NoteJob, ReportStep
from domain.flow_commands import CreateFlow, DeleteFlow, RemoveFlowAlias, SetFlowAliases
from domain.generation_commands import (
    CreateGeneration,
    DeleteGeneration,
    RegenerateFlow,
    RegenerateGeneration,
    UpdateGeneration,
)
from domain.generation_requests import RequestGenerationJob
from domain.ids import new_id
from domain.image_commands import AssignImageAlias, DeleteImage, UpdateImage
from domain.interruptions import ExpireStep, FailStep, ReleaseStep, StopStep
from domain.live_scope_commands import CreateLiveScope, DeleteLiveScope, RegenerateLiveScope, UpdateLiveScope
from domain.live_urls import RequestLiveImage
from domain.members import RemoveMember, SetMember
from domain.organizations import FoundOrganization
from domain.permissions import OF_THE_ORGANIZATION, Actor, Role
from domain.ports import Command
from domain.projects import CreateProject, UpdateProject
from domain.run_commands import CancelRun, ExpireRun, QuoteRun, RetryRun, StartRun, WindDownRun
from domain.shots.batch_commands import CancelShotBatch, ResumeShotBatch, RetryShotBatch, StartShotBatch
from domain.shots.commands import CancelShot, RetryShot, SetShotMode
from domain.shots.planning import PreviewShotBatch
from domain.shots.submitting import MatchShotFiles, SubmitShotImage
from domain.uploading import CompleteImageUpload, CreateImageUpload, UploadImage
from domain.waiting import SubmitStep, TimeOutStep
from domain.webhook_deliveries import RecordDelivery, RedeliverWebhook, SendTestWebhook
from domain.webhooks import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    RotateWebhookSecret,
    UpdateWebhookEndpoint,
)
from domain.workflows import CreateWorkflow, DuplicateWorkflow, RestoreWorkflow, UpdateWorkflow
from tests.conftest import parts_of_many
from tests.contract.callers import ANNOUNCER, CALLERS, HOUSE, KEY, caller, member
from tests.contract.command_rows import BUILD
from tests.studio import newcomer

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITERS = {"OWNER", "EDITOR", KEY, HOUSE}
OWNERS = {"OWNER", KEY, HOUSE}
REVIEWERS = WRITERS | {"REVIEWER"}
MAY: dict[type[Command[Any]], set[str]] = {
    FoundOrganization: {HOUSE},
    GrantCredits: {HOUSE},
    IssueApiKey: {HOUSE},
    Announce: {ANNOUNCER, HOUSE},
    EndAnnouncement: {ANNOUNCER, HOUSE},
    TellAnnouncement: {HOUSE},
    CreateProject: WRITERS,
    UpdateProject: WRITERS,
    SetMember: OWNERS,
    RemoveMember: OWNERS,
    CreateWorkflow: WRITERS,
    UpdateWorkflow: WRITERS,
    RestoreWorkflow: WRITERS,
    DuplicateWorkflow: WRITERS,
    CreateApiKey: OWNERS,
    UpdateApiKey: OWNERS,
    RevokeApiKey: OWNERS,
    CreateAsset: WRITERS,
    UpdateAsset: WRITERS,
    CreateWebhookEndpoint: WRITERS,
    UpdateWebhookEndpoint: WRITERS,
    DeleteWebhookEndpoint: WRITERS,
    RotateWebhookSecret: WRITERS,
    SendTestWebhook: WRITERS,
    RedeliverWebhook: WRITERS,
    RecordDelivery: {HOUSE},
    CreateFlow: WRITERS,
    SetFlowAliases: WRITERS,
    RemoveFlowAlias: WRITERS,
    DeleteFlow: WRITERS,
    CreateGeneration: WRITERS,
    UpdateGeneration: WRITERS,
    RegenerateGeneration: WRITERS,
    RegenerateFlow: WRITERS,
    DeleteGeneration: WRITERS,
    CreateLiveScope: WRITERS,
    UpdateLiveScope: WRITERS,
    RegenerateLiveScope: WRITERS,
    DeleteLiveScope: WRITERS,
    RequestLiveImage: {HOUSE},
    UploadImage: WRITERS,
    CreateImageUpload: WRITERS,
    CompleteImageUpload: WRITERS,
    UpdateImage: WRITERS,
    AssignImageAlias: WRITERS,
    DeleteImage: WRITERS,
    StartRun: WRITERS,
    QuoteRun: WRITERS | {"REVIEWER", "VIEWER"},
    RequestGenerationJob: WRITERS,
    RetryRun: WRITERS,
    CancelRun: REVIEWERS,
    ExpireRun: {HOUSE},
    WindDownRun: {HOUSE},
    SubmitStep: REVIEWERS,
    TimeOutStep: {HOUSE},
    ClaimWork: REVIEWERS,
    ReleaseClaim: REVIEWERS,
    ClaimStep: {HOUSE},
    FinishStep: {HOUSE},
    NoteJob: {HOUSE},
    ReportStep: {HOUSE},
    FailStep: {HOUSE},
    StopStep: {HOUSE},
    ReleaseStep: {HOUSE},
    ExpireStep: {HOUSE},
    ClearLeftover: {HOUSE},
    PreviewShotBatch: WRITERS | {"REVIEWER", "VIEWER"},
    StartShotBatch: WRITERS,
    RetryShotBatch: WRITERS,
    ResumeShotBatch: WRITERS,
    CancelShotBatch: REVIEWERS,
    RetryShot: WRITERS,
    CancelShot: REVIEWERS,
    SetShotMode: WRITERS,
    MatchShotFiles: WRITERS | {"REVIEWER", "VIEWER"},
    SubmitShotImage: REVIEWERS,
}
# Addresses that are called may tell secrets; what is being sent is for those who may send it.
NAMING_WHAT_VIEWERS_DO_NOT_SEE = {
    CompleteImageUpload,
    UpdateWebhookEndpoint,
    DeleteWebhookEndpoint,
    RotateWebhookSecret,
    SendTestWebhook,
    RedeliverWebhook,
}
# These name no row that is there: whoever may give them acts in their own organization.
NAMING_NOTHING = {GrantCredits, FoundOrganization, IssueApiKey, CreateProject}
# These are about what belongs to no organization: whoever may give them is at home everywhere.
AT_HOME_EVERYWHERE = {Announce, EndAnnouncement, TellAnnouncement}
NAMING_A_TENANTS = [kind for kind in COMMANDS if kind not in NAMING_NOTHING | AT_HOME_EVERYWHERE]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    async with parts_of_many(tmp_path_factory) as one:
        yield one


async def outcome(parts: Parts, actor: Actor, command: Command[Any]) -> str:
    if isinstance(command, FoundOrganization):  # it founds the one the actor acts for, which is not there yet
        actor = replace(actor, organization_id=new_id())
    try:
        await execute(parts.database.begin, actor, command)
    except DomainError as error:
        return "NOT_FOUND" if error.code.endswith("NOT_FOUND") else str(error.code)
    return "allowed"


async def test_every_command_has_its_row() -> None:
    assert set(COMMANDS) == set(MAY) == set(BUILD)


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
async def test_a_command_is_for_those_who_may_and_only_where_they_are_at_home(
    kind: type[Command[Any]], parts: Parts
) -> None:
    home, away = await newcomer(parts), await newcomer(parts, "shop")
    for name in CALLERS:
        command = await BUILD[kind](home)
        allowed = name in MAY[kind]
        stranger = caller(name, away.actor.organization_id)
        if kind not in NAMING_NOTHING:
            elsewhere = "allowed" if kind in AT_HOME_EVERYWHERE else "NOT_FOUND"
            assert await outcome(parts, stranger, command) == (elsewhere if allowed else "FORBIDDEN"), name
        at_home = caller(name, home.actor.organization_id)
        assert await outcome(parts, at_home, command) == ("allowed" if allowed else "FORBIDDEN"), name


@pytest.mark.parametrize("kind", NAMING_A_TENANTS)
async def test_a_key_of_another_project_finds_nothing_here(kind: type[Command[Any]], parts: Parts) -> None:
    home = await newcomer(parts)
    other = await home.do(CreateProject(name="Shop"))
    confined = replace(caller(HOUSE, home.actor.organization_id), project_id=other.id)
    assert await outcome(parts, confined, await BUILD[kind](home)) == "NOT_FOUND"


def granted_by_membership(kind: type[Command[Any]], role: Role) -> bool:
    return role in MAY[kind] and COMMANDS[kind][0] not in OF_THE_ORGANIZATION and kind not in NAMING_NOTHING


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
async def test_a_member_changes_what_their_role_allows_in_their_own_project_alone(
    kind: type[Command[Any]], parts: Parts
) -> None:
    home, away = await newcomer(parts), await newcomer(parts, "shop")
    other = await home.do(CreateProject(name="Shop"))
    ours, theirs = home.actor.organization_id, away.actor.organization_id
    for role in Role:
        command, allowed = await BUILD[kind](home), granted_by_membership(kind, role)
        elsewhere = "NOT_FOUND" if allowed else "FORBIDDEN"
        assert await outcome(parts, member(theirs, {home.project_id: role}), command) == elsewhere, role
        assert await outcome(parts, member(ours, {other.id: role}), command) == elsewhere, role
        assert await outcome(parts, member(ours, {}), command) == "FORBIDDEN", role
        in_it = member(ours, {home.project_id: role, other.id: Role.VIEWER})
        assert await outcome(parts, in_it, command) == ("allowed" if allowed else "FORBIDDEN"), role


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
async def test_who_may_look_here_and_change_elsewhere_is_told_that_this_is_not_theirs_to_change(
    kind: type[Command[Any]], parts: Parts
) -> None:
    home = await newcomer(parts)
    other = await home.do(CreateProject(name="Shop"))
    command = await BUILD[kind](home)
    for here in (
        member(home.actor.organization_id, {home.project_id: Role.VIEWER, other.id: Role.OWNER}),
        member(home.actor.organization_id, {other.id: Role.OWNER}, Role.VIEWER),
    ):
        unseen = "NOT_FOUND" if kind in NAMING_WHAT_VIEWERS_DO_NOT_SEE else "FORBIDDEN"
        assert await outcome(parts, here, command) == ("allowed" if "VIEWER" in MAY[kind] else unseen)


async def test_what_names_nothing_is_made_in_the_callers_own_organization(parts: Parts) -> None:
    await newcomer(parts)
    away = await newcomer(parts, "shop")
    made = await away.do(CreateProject(name="Other"))
    assert made.organization_id == away.actor.organization_id
