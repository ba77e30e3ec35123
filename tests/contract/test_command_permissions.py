"""Who may give which command, in their own organization and in another's: every caller, every command."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from app.parts import Parts
from domain.accounts import GrantCredits
from domain.api_keys import CreateApiKey, IssueApiKey, RevokeApiKey, UpdateApiKey
from domain.assets import AssetType, CreateAsset, UpdateAsset
from domain.claiming import ClaimStep, StepCommand
from domain.claims import ClaimWork, ReleaseClaim
from domain.commands import COMMANDS, execute
from domain.errors import DomainError, ErrorCode
from domain.execution import FinishStep, ReportStep
from domain.forms import Question
from domain.graphs import Node
from domain.ids import Id, new_id
from domain.interruptions import ExpireStep, FailStep, ReleaseStep, StopStep
from domain.kinds.kind import StepResult
from domain.members import RemoveMember, SetMember
from domain.organizations import FoundOrganization
from domain.permissions import OF_THE_ORGANIZATION, Actor, Role, engine_actor
from domain.ports import Command
from domain.projects import CreateProject, UpdateProject
from domain.run_commands import CancelRun, ExpireRun, QuoteRun, RetryRun, StartRun
from domain.steps import RunError, Step
from domain.waiting import SubmitStep, TimeOutStep
from domain.workflows import CreateWorkflow, DuplicateWorkflow, RestoreWorkflow, UpdateWorkflow
from storage.leases import Held
from tests.contract.callers import CALLERS, HOUSE, KEY, caller, member
from tests.contract.studio_rows import claimed, queued_step, started
from tests.studio import Tenant, claim_of, tenant

Build = Callable[[Tenant], Awaitable[Command[Any]]]
WRITERS = {"OWNER", "EDITOR", KEY, HOUSE}
OWNERS = {"OWNER", KEY, HOUSE}
REVIEWERS = WRITERS | {"REVIEWER"}
MAY: dict[type[Command[Any]], set[str]] = {
    FoundOrganization: {HOUSE},
    GrantCredits: {HOUSE},
    IssueApiKey: {HOUSE},
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
    StartRun: WRITERS,
    QuoteRun: WRITERS | {"REVIEWER", "VIEWER"},
    RetryRun: WRITERS,
    CancelRun: REVIEWERS,
    ExpireRun: {HOUSE},
    SubmitStep: REVIEWERS,
    TimeOutStep: {HOUSE},
    ClaimWork: REVIEWERS,
    ReleaseClaim: REVIEWERS,
    ClaimStep: {HOUSE},
    FinishStep: {HOUSE},
    ReportStep: {HOUSE},
    FailStep: {HOUSE},
    StopStep: {HOUSE},
    ReleaseStep: {HOUSE},
    ExpireStep: {HOUSE},
}
# These name no row that is there: whoever may give them acts in their own organization.
NAMING_NOTHING = {GrantCredits, FoundOrganization, IssueApiKey, CreateProject}


async def _update_asset(one: Tenant) -> UpdateAsset:
    asset = await one.do(CreateAsset(project_id=one.project_id, type=AssetType.DATASET, label="Rows"))
    return UpdateAsset(id=asset.id, label="Other rows")


async def _claim_step(one: Tenant) -> ClaimStep:
    step = await queued_step(one, await started(one))
    return claim_of(one.parts, step.job())


def _said(kind: type[StepCommand], **fields: Any) -> Build:
    """What a worker says of a step that it has claimed."""

    async def build(one: Tenant) -> StepCommand:
        step = (await claimed(one)).step
        return kind(run_id=step.run_id, step_id=step.id, epoch=step.epoch, **fields)

    return build


async def _expire_step(one: Tenant) -> ExpireStep:
    step = (await claimed(one)).step
    await one.parts.leases.renew([Held(step.id, step.epoch)], lease_seconds=-1)
    return ExpireStep(run_id=step.run_id, step_id=step.id, epoch=step.epoch)


async def _asked(one: Tenant) -> Step:
    """A step that waits for a person, whose time is up."""
    nodes = [Node(id="look", kind="human_review", config={"title": "Look"})]
    workflow = await one.do(CreateWorkflow(project_id=one.project_id, name="Look", nodes=nodes, edges=[]))
    step = (await claimed(one, await one.do(StartRun(workflow_id=workflow.id)))).step
    question = Question(title="Look", due_seconds=0)
    command = FinishStep(run_id=step.run_id, step_id=step.id, epoch=step.epoch, outcome=question)
    asked: Step = await execute(one.parts.database.begin, engine_actor(one.actor.organization_id), command)
    return asked


async def _submit_step(one: Tenant) -> SubmitStep:
    step = await _asked(one)
    assert step.form is not None
    return SubmitStep(step_id=step.id, token=step.form.token, decision="approve")


def _of_asked(build: Callable[[Id], Command[Any]]) -> Build:
    async def made(one: Tenant) -> Command[Any]:
        return build((await _asked(one)).id)

    return made


def _made(build: Callable[[Tenant], Command[Any]]) -> Build:
    async def made(one: Tenant) -> Command[Any]:
        return build(one)

    return made


def _on_workflow(build: Callable[[str], Command[Any]]) -> Build:
    async def made(one: Tenant) -> Command[Any]:
        return build((await one.hero_image()).id)

    return made


def _on_key(build: Callable[[str], Command[Any]]) -> Build:
    async def made(one: Tenant) -> Command[Any]:
        shown = await one.do(CreateApiKey(name="Key", scopes=["runs:read"]))
        return build(shown.entity.id)

    return made


async def _cancel_run(one: Tenant) -> CancelRun:
    return CancelRun(id=(await started(one)).id)


async def _retry_run(one: Tenant) -> RetryRun:
    command = await _cancel_run(one)
    await one.do(command)
    return RetryRun(id=command.id)


async def _expire_run(one: Tenant) -> ExpireRun:
    run = await started(one)
    async with one.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE runs SET deadline = now() WHERE id = :id"), {"id": run.id})
    return ExpireRun(id=run.id)


async def _quote_run(one: Tenant) -> QuoteRun:
    start = StartRun(workflow_id=(await one.hero_image()).id, inputs={"prompt": "A kite"})
    return QuoteRun(start=start)


NODES = [Node(id="words", kind="input", config={"name": "words"})]
FAILURE = RunError(code=ErrorCode.PROVIDER_FAILED, message="No.")
BUILD: dict[type[Command[Any]], Build] = {
    FoundOrganization: _made(lambda _: FoundOrganization(slug=f"o-{new_id()}", name="Other")),
    GrantCredits: _made(lambda _: GrantCredits(amount=Decimal(1))),
    IssueApiKey: _made(lambda _: IssueApiKey(name="Key", prefix=str(new_id()), secret_hash=b"x", scopes=())),
    CreateProject: _made(lambda _: CreateProject(name="Other", slug=f"p-{new_id()}")),
    UpdateProject: _made(lambda one: UpdateProject(id=one.project_id, name="Other")),
    SetMember: _made(lambda one: SetMember(project_id=one.project_id, subject="ada", role=Role.VIEWER)),
    RemoveMember: _made(lambda one: RemoveMember(project_id=one.project_id, subject="ada")),
    CreateWorkflow: _made(lambda one: CreateWorkflow(project_id=one.project_id, name="W", nodes=NODES, edges=[])),
    UpdateWorkflow: _on_workflow(lambda id_: UpdateWorkflow(id=id_, name="Other")),  # type: ignore[arg-type]
    RestoreWorkflow: _on_workflow(lambda id_: RestoreWorkflow(id=id_, version=1)),  # type: ignore[arg-type]
    DuplicateWorkflow: _on_workflow(lambda id_: DuplicateWorkflow(id=id_)),  # type: ignore[arg-type]
    CreateApiKey: _made(lambda one: CreateApiKey(project_id=one.project_id, name="Key", scopes=["runs:read"])),
    UpdateApiKey: _on_key(lambda id_: UpdateApiKey(id=id_, name="Other")),  # type: ignore[arg-type]
    RevokeApiKey: _on_key(lambda id_: RevokeApiKey(id=id_)),  # type: ignore[arg-type]
    CreateAsset: _made(lambda one: CreateAsset(project_id=one.project_id, type=AssetType.DATASET, label="Rows")),
    UpdateAsset: _update_asset,
    QuoteRun: _quote_run,
    StartRun: _on_workflow(lambda id_: StartRun(workflow_id=id_, inputs={"prompt": "A kite"})),  # type: ignore[arg-type]
    RetryRun: _retry_run,
    CancelRun: _cancel_run,
    ExpireRun: _expire_run,
    SubmitStep: _submit_step,
    TimeOutStep: _of_asked(lambda id_: TimeOutStep(step_id=id_)),
    ClaimWork: _of_asked(lambda id_: ClaimWork(id=id_)),
    ReleaseClaim: _of_asked(lambda id_: ReleaseClaim(id=id_)),
    ClaimStep: _claim_step,
    FinishStep: _said(FinishStep, outcome=StepResult(outputs={"value": "A kite"})),
    ReportStep: _said(ReportStep, progress=0.5),
    FailStep: _said(FailStep, error=FAILURE),
    StopStep: _said(StopStep),
    ReleaseStep: _said(ReleaseStep),
    ExpireStep: _expire_step,
}


async def outcome(parts: Parts, actor: Actor, command: Command[Any]) -> str:
    if isinstance(command, FoundOrganization):  # it founds the one the actor acts for, which is not there yet
        actor = replace(actor, organization_id=new_id())
    try:
        await execute(parts.database.begin, actor, command)
    except DomainError as error:
        return "NOT_FOUND" if error.code.endswith("NOT_FOUND") else str(error.code)
    return "allowed"


def test_every_command_has_its_row() -> None:
    assert set(COMMANDS) == set(MAY) == set(BUILD)


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
async def test_a_command_is_for_those_who_may_and_only_where_they_are_at_home(
    kind: type[Command[Any]], parts: Parts
) -> None:
    home, away = await tenant(parts), await tenant(parts, "globex", "shop")
    for name in CALLERS:
        command = await BUILD[kind](home)
        allowed = name in MAY[kind]
        stranger = caller(name, away.actor.organization_id)
        if kind not in NAMING_NOTHING:
            assert await outcome(parts, stranger, command) == ("NOT_FOUND" if allowed else "FORBIDDEN"), name
        at_home = caller(name, home.actor.organization_id)
        assert await outcome(parts, at_home, command) == ("allowed" if allowed else "FORBIDDEN"), name


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if kind not in NAMING_NOTHING])
async def test_a_key_of_another_project_finds_nothing_here(kind: type[Command[Any]], parts: Parts) -> None:
    home = await tenant(parts)
    other = await home.do(CreateProject(name="Shop"))
    confined = replace(caller(HOUSE, home.actor.organization_id), project_id=other.id)
    assert await outcome(parts, confined, await BUILD[kind](home)) == "NOT_FOUND"


def granted_by_membership(kind: type[Command[Any]], role: Role) -> bool:
    return role in MAY[kind] and COMMANDS[kind][0] not in OF_THE_ORGANIZATION and kind not in NAMING_NOTHING


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
async def test_a_member_changes_what_their_role_allows_in_their_own_project_alone(
    kind: type[Command[Any]], parts: Parts
) -> None:
    home, away = await tenant(parts), await tenant(parts, "globex", "shop")
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
    home = await tenant(parts)
    other = await home.do(CreateProject(name="Shop"))
    command = await BUILD[kind](home)
    for here in (
        member(home.actor.organization_id, {home.project_id: Role.VIEWER, other.id: Role.OWNER}),
        member(home.actor.organization_id, {other.id: Role.OWNER}, Role.VIEWER),
    ):
        expected = "allowed" if "VIEWER" in MAY[kind] else "FORBIDDEN"
        assert await outcome(parts, here, command) == expected


async def test_what_names_nothing_is_made_in_the_callers_own_organization(parts: Parts) -> None:
    await tenant(parts)
    away = await tenant(parts, "globex", "shop")
    made = await away.do(CreateProject(name="Other"))
    assert made.organization_id == away.actor.organization_id
