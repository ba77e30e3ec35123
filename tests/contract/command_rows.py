"""A command of each kind that can be given in a studio, made of rows that are there."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from domain.accounts import GrantCredits
from domain.announcements import Announce, Announcement, EndAnnouncement, TellAnnouncement
from domain.api_keys import CreateApiKey, IssueApiKey, RevokeApiKey, UpdateApiKey
from domain.assets import AssetType, CreateAsset, UpdateAsset
from domain.claiming import ClaimStep, StepCommand
from domain.claims import ClaimWork, ReleaseClaim
from domain.commands import execute
from domain.errors import ErrorCode
from domain.execution import FinishStep, NoteJob, ReportStep
from domain.forms import Question
from domain.generation_requests import RequestGenerationJob
from domain.graphs import Node
from domain.ids import Id, new_id
from domain.interruptions import ExpireStep, FailStep, ReleaseStep, StopStep
from domain.kinds.kind import StepResult
from domain.members import RemoveMember, SetMember
from domain.organizations import FoundOrganization
from domain.permissions import Role, engine_actor
from domain.ports import Command
from domain.projects import CreateProject, UpdateProject
from domain.run_commands import CancelRun, ExpireRun, QuoteRun, RetryRun, StartRun, WindDownRun
from domain.steps import RunError, Step
from domain.waiting import SubmitStep, TimeOutStep
from domain.webhook_deliveries import RecordDelivery, RedeliverWebhook, SendTestWebhook
from domain.webhooks import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    RotateWebhookSecret,
    UpdateWebhookEndpoint,
)
from domain.workflows import CreateWorkflow, DuplicateWorkflow, RestoreWorkflow, UpdateWorkflow
from storage.deliveries import DueDeliveries
from storage.leases import Held
from tests.contract.picture_rows import PICTURES, Build, made
from tests.contract.shot_rows import SHOTS
from tests.contract.studio_rows import (
    a_delivery,
    an_endpoint,
    claimed,
    queued_step,
    started,
)
from tests.studio import Tenant, claim_of, operator_of


def _news() -> Announce:
    return Announce(level="info", message="The studio closes at eight")


def _of_announcement(command: Callable[[Id], Command[Any]]) -> Build:
    async def build(one: Tenant) -> Command[Any]:
        told: Announcement = await execute(one.parts.database.begin, operator_of(one), _news())
        return command(told.id)

    return build


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


async def _wind_down_run(one: Tenant) -> WindDownRun:
    run = (await claimed(one)).run  # which a worker holds, so that it is still being stopped
    await one.do(CancelRun(id=run.id))
    return WindDownRun(id=run.id)


async def _request_generation_job(one: Tenant) -> RequestGenerationJob:
    return RequestGenerationJob(project_id=one.project_id, prompt="A kite")


def _of_endpoint(command: Callable[[Id], Command[Any]]) -> Build:
    async def build(one: Tenant) -> Command[Any]:
        return command((await an_endpoint(one)).id)

    return build


async def _redeliver_webhook(one: Tenant) -> RedeliverWebhook:
    return RedeliverWebhook(delivery_id=(await a_delivery(one)).id)


async def _record_delivery(one: Tenant) -> RecordDelivery:
    delivery = await a_delivery(one)
    taken = await DueDeliveries(one.parts.engine).take(60.0)
    while taken and taken.delivery.id != delivery.id:  # others' are due before it
        taken = await DueDeliveries(one.parts.engine).take(60.0)
    assert taken is not None
    return RecordDelivery(delivery_id=taken.delivery.id, epoch=taken.delivery.epoch, response_status=200)


async def _quote_run(one: Tenant) -> QuoteRun:
    start = StartRun(workflow_id=(await one.hero_image()).id, inputs={"prompt": "A kite"})
    return QuoteRun(start=start)


NODES = [Node(id="words", kind="input", config={"name": "words"})]
FAILURE = RunError(code=ErrorCode.PROVIDER_FAILED, message="No.")
BUILD: dict[type[Command[Any]], Build] = {
    FoundOrganization: made(lambda _: FoundOrganization(slug=f"o-{new_id()}", name="Other")),
    GrantCredits: made(lambda _: GrantCredits(amount=Decimal(1))),
    IssueApiKey: made(lambda _: IssueApiKey(name="Key", prefix=str(new_id()), secret_hash=b"x", scopes=())),
    Announce: made(lambda _: _news()),
    EndAnnouncement: _of_announcement(lambda id_: EndAnnouncement(id=id_)),
    TellAnnouncement: _of_announcement(lambda id_: TellAnnouncement(id=id_)),
    CreateProject: made(lambda _: CreateProject(name="Other", slug=f"p-{new_id()}")),
    UpdateProject: made(lambda one: UpdateProject(id=one.project_id, name="Other")),
    SetMember: made(lambda one: SetMember(project_id=one.project_id, subject="ada", role=Role.VIEWER)),
    RemoveMember: made(lambda one: RemoveMember(project_id=one.project_id, subject="ada")),
    CreateWorkflow: made(lambda one: CreateWorkflow(project_id=one.project_id, name="W", nodes=NODES, edges=[])),
    UpdateWorkflow: _on_workflow(lambda id_: UpdateWorkflow(id=id_, name="Other")),  # type: ignore[arg-type]
    RestoreWorkflow: _on_workflow(lambda id_: RestoreWorkflow(id=id_, version=1)),  # type: ignore[arg-type]
    DuplicateWorkflow: _on_workflow(lambda id_: DuplicateWorkflow(id=id_)),  # type: ignore[arg-type]
    CreateApiKey: made(lambda one: CreateApiKey(project_id=one.project_id, name="Key", scopes=["runs:read"])),
    UpdateApiKey: _on_key(lambda id_: UpdateApiKey(id=id_, name="Other")),  # type: ignore[arg-type]
    RevokeApiKey: _on_key(lambda id_: RevokeApiKey(id=id_)),  # type: ignore[arg-type]
    CreateAsset: made(lambda one: CreateAsset(project_id=one.project_id, type=AssetType.DATASET, label="Rows")),
    UpdateAsset: _update_asset,
    QuoteRun: _quote_run,
    StartRun: _on_workflow(lambda id_: StartRun(workflow_id=id_, inputs={"prompt": "A kite"})),  # type: ignore[arg-type]
    RequestGenerationJob: _request_generation_job,
    CreateWebhookEndpoint: made(
        lambda one: CreateWebhookEndpoint(project_id=one.project_id, url="https://hooks.easel.test")
    ),
    UpdateWebhookEndpoint: _of_endpoint(lambda id_: UpdateWebhookEndpoint(id=id_, enabled=False)),
    DeleteWebhookEndpoint: _of_endpoint(lambda id_: DeleteWebhookEndpoint(id=id_)),
    RotateWebhookSecret: _of_endpoint(lambda id_: RotateWebhookSecret(id=id_)),
    SendTestWebhook: _of_endpoint(lambda id_: SendTestWebhook(id=id_)),
    RedeliverWebhook: _redeliver_webhook,
    RecordDelivery: _record_delivery,
    RetryRun: _retry_run,
    CancelRun: _cancel_run,
    ExpireRun: _expire_run,
    WindDownRun: _wind_down_run,
    SubmitStep: _submit_step,
    TimeOutStep: _of_asked(lambda id_: TimeOutStep(step_id=id_)),
    ClaimWork: _of_asked(lambda id_: ClaimWork(id=id_)),
    ReleaseClaim: _of_asked(lambda id_: ReleaseClaim(id=id_)),
    ClaimStep: _claim_step,
    FinishStep: _said(FinishStep, outcome=StepResult(outputs={"value": "A kite"})),
    NoteJob: _said(NoteJob, job_id="job-1"),
    ReportStep: _said(ReportStep, progress=0.5),
    FailStep: _said(FailStep, error=FAILURE),
    StopStep: _said(StopStep),
    ReleaseStep: _said(ReleaseStep),
    ExpireStep: _expire_step,
    **PICTURES,
    **SHOTS,
}
