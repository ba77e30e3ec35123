"""Rows in every state that a command or a read may ask for, made by the commands themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.claiming import ClaimedStep
from domain.commands import execute
from domain.execution import FinishStep
from domain.flow_commands import CreateFlow, FlowAlias, SetFlowAliases
from domain.flows import Flow
from domain.generation_commands import CreateGeneration
from domain.generations import Generation
from domain.ids import new_id
from domain.images import Image, NewImage
from domain.kinds.kind import StepResult
from domain.live_scope_commands import CreateLiveScope
from domain.live_scopes import LiveScope
from domain.permissions import engine_actor
from domain.pictures import Picture
from domain.ports import Shown
from domain.run_commands import StartRun
from domain.runs import Run
from domain.steps import Step
from domain.uploading import CreateImageUpload, Stored
from domain.webhook_deliveries import SendTestWebhook, WebhookDelivery
from domain.webhooks import CreateWebhookEndpoint, WebhookEndpoint
from domain.workflows import Workflow
from storage.discarded import NotYetNeeded
from tests.studio import Tenant, claim_of


async def started(one: Tenant, workflow: Workflow | None = None) -> Run:
    workflow = workflow or await one.hero_image()
    run: Run = await one.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A red kite"}))
    return run


async def queued_step(one: Tenant, run: Run) -> Step:
    (step,) = await one.parts.studio.reads.many(Step, one.actor, run_id=run.id, status="QUEUED")
    return step


async def claimed(one: Tenant, run: Run | None = None) -> ClaimedStep:
    """A step of the run in a worker's hands."""
    claim = await _claim(one, run or await started(one))
    assert claim is not None
    return claim


async def _claim(one: Tenant, run: Run) -> ClaimedStep | None:
    command = claim_of(one.parts, (await queued_step(one, run)).job())
    return await execute(one.parts.database.begin, engine_actor(one.actor.organization_id), command)


async def finished(one: Tenant, workflow: Workflow | None = None) -> Run:
    """A run with four steps that are done and a picture, maybe one that an earlier run has made."""
    run = await started(one, workflow)
    for _ in range(run.steps_total):
        if claim := await _claim(one, run):
            step = claim.step
            command = FinishStep(run_id=run.id, step_id=step.id, epoch=step.epoch, outcome=_result(step))
            await execute(one.parts.database.begin, engine_actor(one.actor.organization_id), command)
    return run


async def an_image(one: Tenant) -> Image:
    await finished(one)
    (image, *_) = await one.parts.studio.reads.many(Image, one.actor)
    return image


async def a_flow(one: Tenant) -> tuple[Flow, Image]:
    """A flow, and the image that is its @hero."""
    flow, image = await one.do(CreateFlow(project_id=one.project_id)), await an_image(one)
    await one.do(SetFlowAliases(id=flow.id, aliases=[FlowAlias(alias="@hero", image_id=image.id)]))
    return flow, image


async def a_generation(one: Tenant, **more: Any) -> Generation:
    generation: Generation = await one.do(CreateGeneration(project_id=one.project_id, prompt="A kite", **more))
    return generation


async def a_live_scope(one: Tenant) -> LiveScope:
    scope: LiveScope = await one.do(CreateLiveScope(project_id=one.project_id, slug=str(new_id())))
    return scope


async def stored(one: Tenant) -> Stored:
    """A picture that is in the object store, and that nobody needs yet."""
    new = NewImage.of(Picture(b"1", "image/png", 1, 1, "0" * 64), one.project_id)
    unneeded = await NotYetNeeded(one.parts.engine).begin(one.actor.organization_id, new.storage_key)
    return Stored(picture=new, discarded=unneeded)


def an_upload(one: Tenant) -> CreateImageUpload:
    return CreateImageUpload(project_id=one.project_id, file_name="kite.png", mime_type="image/png", file_size=1)


async def an_endpoint(one: Tenant) -> WebhookEndpoint:
    create = CreateWebhookEndpoint(project_id=one.project_id, url="https://hooks.easel.test/easel")
    made: Shown[WebhookEndpoint] = await one.do(create)
    return made.entity


async def a_delivery(one: Tenant) -> WebhookDelivery:
    delivery: WebhookDelivery = await one.do(SendTestWebhook(id=(await an_endpoint(one)).id))
    return delivery


def _result(step: Step) -> StepResult:
    values = {"value": "A red kite", "text": "A red kite", "image": {}, "images": []}
    picture = NewImage(
        storage_key=f"{step.id}.png",
        file_name=f"{step.id}.png",
        mime_type="image/png",
        file_size=1,
        file_hash="0" * 64,
        width=1,
        height=1,
    )
    return StepResult(outputs=values, images=(picture,) if step.kind == "generate_image" else ())


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database while the block lasts, with its values."""
    sent: list[tuple[str, Any]] = []

    def hear(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", hear)
