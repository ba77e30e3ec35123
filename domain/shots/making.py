"""How the pictures of a batch are begun: so many at once, in the order of the shots, as long as it may cost them."""

from decimal import Decimal
from typing import Any

from domain.built_ins import DRAW, PROMPT, REFERENCES, SHOT, BuiltIn, drawing, workflow_of
from domain.comfyui_graphs import NEGATIVE
from domain.comfyui_graphs import PROMPT as PROMPT_BINDING
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.images import Image
from domain.kinds import KINDS
from domain.launching import begin_run
from domain.pictures import Format
from domain.plain import decimal_string
from domain.ports import Transaction
from domain.projects import Project
from domain.runs import Run, RunPurpose
from domain.shots.batch import ShotBatch
from domain.shots.files import Plan, nomenclature_of, sources_of
from domain.shots.logs import LogLevel, LogLine, line
from domain.shots.name_fields import ShotTask
from domain.shots.names import ShotName
from domain.shots.recipes import Recipe
from domain.shots.shot import BatchMode, Shot, ShotStatus
from domain.steps import RunError

# Of a batch, so that those that come later see what has changed meanwhile, and a thousand others have their turn.
AT_ONCE = 50
_NO_MORE_CREDITS = {ErrorCode.INSUFFICIENT_CREDITS, ErrorCode.QUOTA_EXCEEDED}


async def go_on(tx: Transaction, batch: ShotBatch) -> None:
    """
    Begin the next shots that may be under way; the batch is this transaction's, and the caller's to write.

    Those that cannot begin have failed, and leave their room to the next: nobody else would call on them.
    """
    going = True
    project = await tx.get(Project, batch.project_id)
    while going and not batch.is_held_back and batch.recipe is not None and (room := AT_ONCE - batch.in_flight) > 0:
        wanted = {"status": ShotStatus.QUEUED, "mode": BatchMode.AUTO, "run_id": None}
        shots = await tx.find(Shot, room, batch_id=batch.id, **wanted) if batch.counts.queued else []
        going = bool(shots) and await _begin(tx, batch, project, batch.recipe, shots)


async def _begin(tx: Transaction, batch: ShotBatch, project: Project, recipe: Recipe, shots: list[Shot]) -> bool:
    """Begin these; whether others may begin too."""
    sources = await sources_of(tx, project.id, batch.episode, [(shot.sequence, shot.plan) for shot in shots])
    lines: list[LogLine] = []
    going = True
    for shot in shots:
        shot.source_image_id = sources.get((shot.sequence, shot.plan))
        going = going and await _begins(tx, batch, project, shot, recipe, lines)
    tx.add(*lines)
    tx.save(*shots)
    return going


async def _begins(
    tx: Transaction, batch: ShotBatch, project: Project, shot: Shot, recipe: Recipe, lines: list[LogLine]
) -> bool:
    """Whether the next may begin too. Nothing pauses while others are in flight: they may cost less than is held."""
    price = price_of(tx, recipe)
    if not batch.can_pay(price):
        return _wait(batch, _over_budget(batch, price), lines)
    try:
        run = await _started(tx, batch, project, shot, recipe)
    except DomainError as refused:
        if refused.code in _NO_MORE_CREDITS:
            return _wait(batch, f"{refused.message}. Get more credits, then resume the batch", lines)
        lines.append(fail(batch, shot, RunError(code=refused.code, message=refused.message)))
        tx.record(shot.changed())
    else:
        shot.run_id = run.id
        batch.in_flight += 1
    return True


def _wait(batch: ShotBatch, why: str, lines: list[LogLine]) -> bool:
    if not batch.in_flight:
        batch.paused_because = why
        lines.append(of_batch(batch, f"Paused: {why}", LogLevel.WARNING))
    return False


def price_of(tx: Transaction, recipe: Recipe | None) -> Decimal:
    """Credits for one picture, at most."""
    if recipe is None:
        return Decimal(0)
    return tx.offers.price(KINDS["generate_image" if recipe.graph_text is None else "comfyui"], {})


def fail(batch: ShotBatch, shot: Shot, error: RunError) -> LogLine:
    """The shot has failed; the others go on. Both, and the line of its log, are the caller's to write."""
    batch.move(shot, ShotStatus.ERROR)
    shot.error = error
    return line(shot, error.message, LogLevel.ERROR)


def of_batch(batch: ShotBatch, message: str, level: LogLevel = LogLevel.INFO) -> LogLine:
    """A line about the whole batch."""
    return LogLine(
        organization_id=batch.organization_id,
        project_id=batch.project_id,
        batch_id=batch.id,
        shot_id=None,
        level=level,
        message=message,
    )


def _over_budget(batch: ShotBatch, price: Decimal) -> str:
    spent, most = decimal_string(batch.cost), decimal_string(batch.max_credits or Decimal(0))
    return f"it has cost {spent} of {most} credits, and the next picture may cost {decimal_string(price)} more"


async def _started(tx: Transaction, batch: ShotBatch, project: Project, shot: Shot, recipe: Recipe) -> Run:
    plan = (shot.sequence, shot.plan)
    if recipe.needs_source and shot.source_image_id is None:
        raise DomainError(ErrorCode.IMAGE_NOT_FOUND, missing_source(project, batch.season, batch.episode, plan))
    names = {"season": batch.season, "episode": batch.episode, "sequence": shot.sequence, "plan": shot.plan}
    prompt = recipe.prompt_of(shot.label, names)
    built_in, settings, inputs = await _work(tx, shot, recipe, prompt, recipe.negative_of(names))
    workflow = await workflow_of(tx, project, built_in)
    run = Run(
        organization_id=project.organization_id,
        project_id=project.id,
        workflow_id=workflow.id,
        workflow_version=workflow.version,
        purpose=RunPurpose.SHOT,
        purpose_id=batch.id,
        inputs={PROMPT: prompt, **inputs},
        node_settings={DRAW: settings},
        prompts={recipe.graph_id: recipe.graph_text} if recipe.graph_id and recipe.graph_text else {},
        fresh=True,
        steps_total=len(built_in.graph.nodes),
        trace_id=batch.trace_id,
        created_by=batch.created_by,
    )
    await begin_run(tx, run, built_in.graph.with_settings(run.node_settings))
    return run


async def _work(
    tx: Transaction, shot: Shot, recipe: Recipe, prompt: str, negative: str | None
) -> tuple[BuiltIn, dict[str, Any], dict[str, Any]]:
    """Which workflow makes the picture, with which settings of its node, and which inputs beside the prompt."""
    if recipe.graph_id is None:
        inputs = {REFERENCES: [await _value(tx, shot.source_image_id)]} if shot.source_image_id else {}
        settings = {"aspectRatio": recipe.aspect_ratio, "format": Format.PNG.value}
        return drawing(enhanced=False, from_images=bool(inputs)), settings, inputs
    words = {PROMPT_BINDING: prompt} | ({} if negative is None else {NEGATIVE: negative})
    named = {"image": shot.source_image_id} if shot.source_image_id else {}
    values = {**recipe.values, **words}
    return SHOT, {"asset": recipe.graph_id, "values": values, "format": Format.PNG.value, **named}, {}


async def _value(tx: Transaction, image_id: Id) -> dict[str, Any]:
    image = await tx.get(Image, image_id)
    return image.value


def missing_source(project: Project, season: str, episode: str, plan: Plan) -> str:
    """That the plan's own picture is needed, and under which name to upload it."""
    name = ShotName(
        season=season,
        episode=episode,
        sequence=plan[0],
        plan=plan[1],
        task=ShotTask.EXTRACTED_RAW,
        version=1,
        ext="png",
    )
    return f"{'-'.join(plan)} is made from its own picture: upload {nomenclature_of(project).render(name)} first"
