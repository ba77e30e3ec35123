"""How batches of shots are started, repeated, resumed and called off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.money import require_credits
from domain.permissions import Actor
from domain.plain import decimal_string
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.run_commands import CancelRun, cancel_run
from domain.runs import Run
from domain.shots.batch import ShotBatch, ShotCounts
from domain.shots.files import ShotFile, alone, names_taken, next_versions
from domain.shots.logs import line
from domain.shots.making import go_on, of_batch
from domain.shots.name_fields import ShotTask
from domain.shots.planning import AskedBatch, Plan, name_of, plan_of
from domain.shots.shot import BatchMode, Shot, ShotStatus

_IDLE = (ShotStatus.QUEUED, ShotStatus.WAITING)


@dataclass(kw_only=True)
class StartShotBatch(AskedBatch, Command[ShotBatch]):
    """Start a batch: the names of all its files are given at once, its pictures are made in the order of the shots."""

    def __post_init__(self) -> None:
        self.require_sound()


async def start_shot_batch(tx: Transaction, actor: Actor, command: StartShotBatch) -> ShotBatch:
    project = await tx.get(Project, command.project_id)
    await alone(tx, project.id)
    plan = await plan_of(tx, project, command)
    plan.require_startable()
    batch = _batch(project, actor, command, plan)
    shots = [_shot(batch, plan, number) for number in range(len(plan.names))]
    files = [ShotFile.of(project, name, shot.id) for name, shot in zip(plan.names, shots, strict=True)]
    tx.add(*plan.copies, batch, *shots, *files)
    tx.record(batch.told())
    await go_on(tx, batch)
    tx.save(batch)
    return batch


def _batch(project: Project, actor: Actor, command: StartShotBatch, plan: Plan) -> ShotBatch:
    count = len(plan.names)
    return ShotBatch(
        organization_id=project.organization_id,
        project_id=project.id,
        season=command.season,
        episode=command.episode,
        style=command.style,
        workflow_json=command.workflow_json,
        mode=BatchMode.AUTO if command.is_auto else BatchMode.MANUAL,
        params=command.params or {},
        recipe=plan.recipe,
        counts=ShotCounts(queued=count) if command.is_auto else ShotCounts(waiting=count),
        max_credits=command.max_credits,
        trace_id=actor.trace_id,
        created_by=actor.subject,
    )


def _shot(batch: ShotBatch, plan: Plan, number: int) -> Shot:
    name = plan.names[number]
    return Shot(
        organization_id=batch.organization_id,
        project_id=batch.project_id,
        batch_id=batch.id,
        sequence=name.sequence,
        plan=name.plan,
        mode=batch.mode,
        status=ShotStatus.QUEUED if batch.mode is BatchMode.AUTO else ShotStatus.WAITING,
        file_name=plan.file_names[number],
        file_version=name.version,
    )


@dataclass(kw_only=True)
class RetryShotBatch(Command[ShotBatch]):
    """Make the pictures of all shots that failed, or of a sequence's, each under the next version of its name."""

    id: Id
    sequence: str | None = None


async def retry_shot_batch(tx: Transaction, actor: Actor, command: RetryShotBatch) -> ShotBatch:
    batch = await tx.get(ShotBatch, command.id, lock=True)
    of_sequence = {} if command.sequence is None else {"sequence": command.sequence}
    failed = await tx.find(Shot, batch_id=batch.id, status=ShotStatus.ERROR, **of_sequence)
    if not failed:
        whole = "batch" if command.sequence is None else "sequence"
        raise DomainError(ErrorCode.CONFLICT, f"No shot of this {whole} has failed: there is nothing to repeat")
    await again(tx, batch, failed)
    return batch


async def again(tx: Transaction, batch: ShotBatch, shots: Sequence[Shot]) -> None:
    """These shots, which have ended, begin anew: what they made stays, and the next version of each name is theirs."""
    project = await tx.get(Project, batch.project_id)
    await alone(tx, project.id)
    plans = [(shot.sequence, shot.plan) for shot in shots]
    versions = await next_versions(tx, project, batch.episode, ShotTask.AI_CONCEPT, plans)
    names = [name_of(batch.season, batch.episode, plan, versions[plan]) for plan in plans]
    files = [ShotFile.of(project, name, shot.id) for name, shot in zip(names, shots, strict=True)]
    if known := await names_taken(tx, project, [file.name for file in files]):
        message = f"'{known[0]}' is the name of another file already: change the project's nomenclature"
        raise DomainError(ErrorCode.CONFLICT, message)
    for shot, file in zip(shots, files, strict=True):
        shot.file_name, shot.file_version = file.name, file.version
        shot.attempt += 1
        shot.progress, shot.error, shot.run_id, shot.image_id = 0.0, None, None, None
        batch.move(shot, ShotStatus.QUEUED if shot.mode is BatchMode.AUTO else ShotStatus.WAITING)
    tx.add(*files, *(line(shot, f"To be made again, as {shot.file_name}") for shot in shots))
    tx.record(*(shot.changed() for shot in shots))
    tx.save(*shots)
    batch.canceled_at = None
    await keep(tx, batch)


async def keep(tx: Transaction, batch: ShotBatch) -> None:
    """Let the batch go on, write it, and tell of it."""
    await go_on(tx, batch)
    tx.record(batch.changed())
    tx.save(batch)


@dataclass(kw_only=True)
class ResumeShotBatch(Command[ShotBatch]):
    """Let a paused batch go on. One that has used up its `max_credits` needs a higher limit, in credits."""

    id: Id
    max_credits: Decimal | None = None

    def __post_init__(self) -> None:
        if self.max_credits is not None:
            require_credits(self.max_credits, "maxCredits")


async def resume_shot_batch(tx: Transaction, actor: Actor, command: ResumeShotBatch) -> ShotBatch:
    batch = await tx.get(ShotBatch, command.id, lock=True)
    if batch.paused_because is None:
        raise DomainError(ErrorCode.CONFLICT, "This batch is not paused")
    reason, batch.paused_because = batch.paused_because, None
    batch.max_credits = batch.max_credits if command.max_credits is None else command.max_credits
    await go_on(tx, batch)
    if batch.paused_because is not None and batch.paused_because == reason:
        limit = decimal_string(batch.max_credits) if batch.max_credits is not None else "none"
        raise InvalidInput(f"The batch would pause again: {reason} (maxCredits is {limit})", field="maxCredits")
    tx.record(batch.changed())
    tx.save(batch)
    return batch


@dataclass(kw_only=True)
class CancelShotBatch(Command[ShotBatch]):
    """Stop a batch: what has not begun never will, what is under way is interrupted, what is done stays."""

    id: Id


async def cancel_shot_batch(tx: Transaction, actor: Actor, command: CancelShotBatch) -> ShotBatch:
    await _lock_runs(tx, command.id)
    batch = await tx.get(ShotBatch, command.id, lock=True)
    if batch.counts.ended == batch.counts.total or batch.canceled_at is not None:
        return batch
    batch.canceled_at = datetime.now(UTC)
    runs = await _lock_runs(tx, command.id)  # a shot may have begun before the batch was ours; whoever waits gives way
    idle = [shot for shot in await tx.find(Shot, batch_id=batch.id, status=list(_IDLE)) if shot.run_id is None]
    for shot in idle:
        batch.move(shot, ShotStatus.CANCELED)
        shot.claim = None
    tx.add(of_batch(batch, "Called off"), *(line(shot, "Canceled") for shot in idle))
    tx.record(*(shot.changed() for shot in idle))
    tx.save(*idle, batch)
    for run in runs:
        await cancel_run(tx, actor, CancelRun(id=run.id))
    batch = await tx.get(ShotBatch, command.id)
    tx.record(batch.changed())
    tx.save(batch)
    return batch


async def _lock_runs(tx: Transaction, batch_id: Id) -> list[Run]:
    """The runs of its shots that are under way."""
    under_way = [ShotStatus.QUEUED, ShotStatus.RUNNING]
    shots = await tx.find(Shot, batch_id=batch_id, status=under_way)
    ids = [shot.run_id for shot in shots if shot.run_id is not None]
    return await tx.lock(Run, id=ids) if ids else []
