"""How runs are started, repeated and stopped."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.advancing import go_on, keep, wind_down
from domain.assets import Asset, AssetType
from domain.caching import done_in, same
from domain.comfyui_graphs import BoundGraph
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.flags import Flag
from domain.graphs import Graph
from domain.ids import Id
from domain.images import Image
from domain.kinds.input_value import checked_inputs
from domain.launching import begin_run
from domain.money import require_credits
from domain.permissions import Actor
from domain.plain import require_json_object
from domain.ports import Command, Transaction
from domain.problems import require_valid
from domain.projects import Project
from domain.quotes import Quote, quote_of
from domain.runs import Run, RunPurpose, RunStatus
from domain.workflows import Workflow, graph_of

PRIORITIES = range(-100, 101)


@dataclass(kw_only=True)
class StartRun(Command[Run]):
    """
    Start one run of a workflow. `priority` is -100 to 100, higher first, within the project.

    A run that would cost more than `max_credits` pauses and asks; one that is not finished by its `deadline` fails.
    """

    workflow_id: Id
    inputs: dict[str, Any] | None = None
    workflow_version: int | None = None
    max_credits: Decimal | None = None
    priority: int | None = None
    deadline: datetime | None = None

    def __post_init__(self) -> None:
        require_json_object({} if self.inputs is None else self.inputs, "inputs")
        if self.priority is not None and self.priority not in PRIORITIES:
            raise InvalidInput("priority must be a whole number from -100 to 100", field="priority")
        if self.max_credits is not None:
            require_credits(self.max_credits, "maxCredits")


async def start_run(tx: Transaction, actor: Actor, command: StartRun) -> Run:
    run, graph = await _prepared(tx, actor, command)
    await begin_run(tx, run, graph)
    return run


@dataclass(kw_only=True)
class QuoteRun(Command[Quote]):
    """Say what a run started like this would cost. Refuses what starting it would refuse, and starts nothing."""

    start: StartRun


async def quote_run(tx: Transaction, actor: Actor, command: QuoteRun) -> Quote:
    run, graph = await _prepared(tx, actor, command.start)
    return await quote_of(tx, run, graph, {})


async def _prepared(tx: Transaction, actor: Actor, command: StartRun) -> tuple[Run, Graph]:
    """The run as it would start, and what it would do; nothing is written."""
    workflow = await tx.get(Workflow, command.workflow_id)
    graph = await graph_of(tx, workflow, command.workflow_version)
    require_valid(graph)
    if command.deadline is not None and command.deadline <= tx.now:
        raise InvalidInput("deadline must be in the future", field="deadline")
    run = Run(
        organization_id=workflow.organization_id,
        project_id=workflow.project_id,
        workflow_id=workflow.id,
        workflow_version=workflow.version if command.workflow_version is None else command.workflow_version,
        inputs=await _checked_inputs(tx, workflow, graph, command.inputs or {}),
        prompts=await _texts(tx, workflow, graph),
        fresh=await _is_fresh(tx, workflow),
        priority=command.priority or 0,
        max_credits=command.max_credits,
        deadline=command.deadline,
        steps_total=len(graph.nodes),
        trace_id=actor.trace_id,
        created_by=actor.subject,
    )
    return run, graph


async def _is_fresh(tx: Transaction, workflow: Workflow) -> bool:
    """Whether the project uses nothing that was made before."""
    project = await tx.get(Project, workflow.project_id)
    return not tx.flags.is_on(Flag.STEP_CACHE, project.settings.feature_flags)


async def _checked_inputs(tx: Transaction, workflow: Workflow, graph: Graph, given: dict[str, Any]) -> dict[str, Any]:
    settings = [node.settings for node in graph.input_nodes]
    inputs = checked_inputs(settings, given)
    images = {config["name"] for config in settings if config.get("type") == "image"}
    asked = {name: inputs[name]["imageId"] for name in images if inputs[name] is not None}
    wanted = {"id": list(set(asked.values())), "project_id": workflow.project_id, "deleted_at": None}
    there = {image.id: image for image in await tx.find(Image, **wanted)} if asked else {}
    for name, image_id in asked.items():
        if image_id not in there:
            message = f"inputs.{name}: the project has no such image"
            raise DomainError(ErrorCode.IMAGE_NOT_FOUND, message, field=f"inputs.{name}")
    return inputs | {name: there[image_id].value for name, image_id in asked.items()}


async def _texts(tx: Transaction, workflow: Workflow, graph: Graph) -> dict[str, str]:
    """What the assets that the graph names say now: PROMPT assets, and graphs for ComfyUI."""
    prompts = await _assets(tx, workflow, AssetType.PROMPT, graph.prompt_ids)
    graphs = await _assets(tx, workflow, AssetType.FILE, graph.comfyui_ids)
    read: dict[str, str] = {
        asset.id: BoundGraph.read(asset.content, asset.metadata, "asset").as_text for asset in graphs
    }
    return {asset.id: str(asset.content) for asset in prompts} | read


async def _assets(tx: Transaction, workflow: Workflow, kind: AssetType, ids: set[str]) -> list[Asset]:
    """These assets of the project, as they are now."""
    found = await tx.find(Asset, id=sorted(ids), project_id=workflow.project_id, type=kind) if ids else []
    if missing := sorted(ids - {asset.id for asset in found}):
        message = f"The project has no {kind} asset '{missing[0]}', which a node of this workflow names"
        raise DomainError(ErrorCode.ASSET_NOT_FOUND, message, field="workflowId")
    return found


@dataclass(kw_only=True)
class RetryRun(Command[Run]):
    """
    Repeat a run that is over, with the workflow as it was and the same seed: what failed and what hangs on it, or, not
    `failed_only`, all of it afresh. With other `inputs` all of it, but for what was made before of the same.
    """

    id: Id
    failed_only: bool | None = True
    inputs: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        require_json_object({} if self.inputs is None else self.inputs, "inputs")


async def retry_run(tx: Transaction, actor: Actor, command: RetryRun) -> Run:
    old = await tx.get(Run, command.id)
    _require_over(old)
    if old.purpose is RunPurpose.GENERATION:
        raise InvalidInput("This run made an image of a generation: regenerate that", field="id")
    if old.purpose is RunPurpose.SHOT:
        raise InvalidInput("This run made the picture of a shot: retry that", field="id")
    workflow = await tx.get(Workflow, old.workflow_id)
    graph = (await graph_of(tx, workflow, old.workflow_version)).with_settings(old.node_settings)
    inputs = await _checked_inputs(tx, workflow, graph, old.inputs if command.inputs is None else command.inputs)
    fresh, changed = command.failed_only is False, not same(inputs, old.inputs)
    _require_left_to_do(old, all_of_it=fresh or changed)
    run = Run(
        organization_id=old.organization_id,
        project_id=old.project_id,
        workflow_id=old.workflow_id,
        workflow_version=old.workflow_version,
        purpose=old.purpose,
        inputs=inputs,
        node_settings=old.node_settings,
        prompts=old.prompts,
        retry_of=old.id,
        seed=old.seed,
        fresh=fresh or await _is_fresh(tx, workflow),
        priority=old.priority,
        max_credits=old.max_credits,
        steps_total=len(graph.nodes),
        trace_id=actor.trace_id,
        created_by=actor.subject,
    )
    done = {} if fresh or changed else await done_in(tx, old.id)
    if over := await begin_run(tx, run, graph, done):
        await go_on(tx, run, *over)
        await keep(tx, run)
    return run


def _require_over(old: Run) -> None:
    if not old.is_finished:
        raise DomainError(ErrorCode.CONFLICT, "This run is not over: cancel it, or wait for its end")


def _require_left_to_do(old: Run, *, all_of_it: bool) -> None:
    if old.status is RunStatus.SUCCEEDED and not all_of_it:
        message = "Nothing in this run failed: to repeat all of it, say failedOnly: false"
        raise InvalidInput(message, field="failedOnly")


class CancelOutcome(StrEnum):
    CANCELED = "CANCELED"
    REQUESTED = "REQUESTED"
    ALREADY_FINISHED = "ALREADY_FINISHED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What became of the wish: REQUESTED while a step is still being stopped."""

    outcome: CancelOutcome
    run: Run


@dataclass(kw_only=True)
class CancelRun(Command[Cancellation]):
    """Stop a run: what has not begun never will, what is running is interrupted. Asking again changes nothing."""

    id: Id


async def cancel_run(tx: Transaction, actor: Actor, command: CancelRun) -> Cancellation:
    run = await tx.get(Run, command.id, lock=True)
    if not run.is_finished and run.cancel_requested_at is None:
        run.cancel_requested_at = datetime.now(UTC)
        await wind_down(tx, run)
        await keep(tx, run)
    return Cancellation(outcome=_outcome(run), run=run)


def _outcome(run: Run) -> CancelOutcome:
    if run.status is RunStatus.CANCELED:
        return CancelOutcome.CANCELED
    return CancelOutcome.ALREADY_FINISHED if run.is_finished else CancelOutcome.REQUESTED


@dataclass(kw_only=True)
class WindDownRun(Command[bool]):
    """End the next of the many steps of a run that stops; whether more are left to end."""

    id: Id


async def wind_down_run(tx: Transaction, actor: Actor, command: WindDownRun) -> bool:
    run = await tx.get(Run, command.id, lock=True)
    tx.belong_to(run.trace_id)
    if run.is_finished or not run.is_stopping:
        raise DomainError(ErrorCode.CONFLICT, "The run is not being stopped")
    left = await wind_down(tx, run)
    if run.is_finished:
        await keep(tx, run)
    return left


@dataclass(kw_only=True)
class ExpireRun(Command[Run]):
    """End a run that is past its deadline."""

    id: Id


async def expire_run(tx: Transaction, actor: Actor, command: ExpireRun) -> Run:
    run = await tx.get(Run, command.id, lock=True)
    tx.belong_to(run.trace_id)
    if run.is_finished or run.is_stopping or not run.stop_if_late(tx.now):
        raise DomainError(ErrorCode.CONFLICT, "The run is not late")
    await wind_down(tx, run)
    await keep(tx, run)
    return run
