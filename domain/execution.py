"""How a run advances: a worker claims a step, does it with no transaction open, and records what came of it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.images import Image, ImageSource, NewImage
from domain.kinds.kind import StepResult
from domain.permissions import Actor
from domain.ports import Command, Transaction
from domain.runs import Run, RunStatus, keep, wind_down
from domain.steps import RunError, Step, StepStatus

MOST_ATTEMPTS = 5
LONGEST_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """A step that is this worker's own until the lease ends."""

    run: Run
    step: Step


@dataclass(kw_only=True)
class StepCommand(Command[Step]):
    """What a worker says of the step it claimed; refused when the claim is not the latest."""

    run_id: Id
    step_id: Id
    epoch: int


@dataclass(kw_only=True)
class ClaimStep(Command[ClaimedStep | None]):
    """
    Take a queued step. Nothing comes back when it has moved on since `epoch`.

    `unrepeatable_kinds` are those whose provider must not be called a second time when its answer is lost.
    """

    run_id: Id
    step_id: Id
    epoch: int
    lease_seconds: float
    unrepeatable_kinds: frozenset[str] = frozenset()


async def claim_step(tx: Transaction, actor: Actor, command: ClaimStep) -> ClaimedStep | None:
    run = await tx.get(Run, command.run_id, lock=True)
    tx.belong_to(run.trace_id)
    step = await tx.get(Step, command.step_id)
    if step.status is not StepStatus.QUEUED or step.epoch != command.epoch:
        return None
    lease_until = tx.now + timedelta(seconds=command.lease_seconds)
    tx.record(step.begin(lease_until, repeatable=step.kind not in command.unrepeatable_kinds))
    tx.save(step)
    if run.status is RunStatus.QUEUED:
        run.status = RunStatus.RUNNING
        run.started_at = datetime.now(UTC)
        keep(tx, run)
    return ClaimedStep(run, step)


async def _claimed(tx: Transaction, command: StepCommand, *, lock: bool = False) -> tuple[Run, Step]:
    """Every change of a step is made under its run's lock; only renewing its lease is not, which `lock` shuts out."""
    run = await tx.get(Run, command.run_id, lock=True)
    tx.belong_to(run.trace_id)
    step = await tx.get(Step, command.step_id, lock=lock)
    if step.status is not StepStatus.RUNNING or step.epoch != command.epoch:
        raise DomainError(ErrorCode.CONFLICT, "The lease on this step was lost: what was made of it is dropped")
    return run, step


@dataclass(kw_only=True)
class FinishStep(StepCommand):
    """Record what the step made, its images and its cost, and start what waited for it: one commit."""

    result: StepResult


async def finish_step(tx: Transaction, actor: Actor, command: FinishStep) -> Step:
    run, step = await _claimed(tx, command)
    images = [_image(new, run, step) for new in command.result.images]
    tx.record(step.succeed(command.result.outputs, command.result.cost), *(image.created() for image in images))
    tx.save(step)
    tx.add(*images)
    run.steps_done += 1
    run.cost += command.result.cost
    if step.kind == "output":
        run.outputs = {**run.outputs, step.config.get("name", step.node_id): step.outputs["value"]}
    await _go_on(tx, run, step)
    keep(tx, run)
    return step


def _image(new: NewImage, run: Run, step: Step) -> Image:
    return Image(
        id=new.id,
        organization_id=run.organization_id,
        project_id=run.project_id,
        run_id=run.id,
        step_id=step.id,
        source=ImageSource.GENERATED,
        storage_key=new.storage_key,
        file_name=new.file_name,
        mime_type=new.mime_type,
        file_size=new.file_size,
        file_hash=new.file_hash,
        width=new.width,
        height=new.height,
        seed=new.seed,
        model=new.model,
        provider=new.provider,
        meta=new.meta,
    )


async def _go_on(tx: Transaction, run: Run, done: Step) -> None:
    if run.steps_done == run.steps_total:
        run.end(RunStatus.SUCCEEDED)  # also when it was to be canceled: it came too late
    elif run.is_stopping:
        await wind_down(tx, run)
    elif done.targets:
        await _start_successors(tx, run, done)


async def _start_successors(tx: Transaction, run: Run, done: Step) -> None:
    successors = await tx.find(Step, run_id=run.id, node_id=list(done.targets))
    for step in successors:
        step.waits_for -= 1
    ready = [step for step in successors if step.waits_for == 0]
    named = sorted({source.node_id for step in ready for source in step.sources})
    before = {step.node_id: step for step in await tx.find(Step, run_id=run.id, node_id=named)} if named else {}
    for step in ready:
        step.take_inputs(before)
        tx.record(step.queue())
        tx.enqueue(step.job(run.priority))
    tx.save(*successors)


@dataclass(kw_only=True)
class FailStep(StepCommand):
    """Record that an attempt failed: it is tried again later, where that can help, or the run fails with it."""

    error: RunError
    retry_after_seconds: float | None = None


async def fail_step(tx: Transaction, actor: Actor, command: FailStep) -> Step:
    run, step = await _claimed(tx, command)
    if command.error.retryable and step.attempt < MOST_ATTEMPTS and not run.is_stopping:
        _try_again(tx, run, step, max(backoff_seconds(step.attempt), command.retry_after_seconds or 0))
    else:
        unknown = command.error.code is ErrorCode.OUTCOME_UNKNOWN
        await _give_up(tx, run, step, StepStatus.OUTCOME_UNKNOWN if unknown else StepStatus.FAILED, command.error)
    keep(tx, run)
    return step


def backoff_seconds(attempt: int) -> float:
    """Exponential with full jitter, so that many that failed together do not come back together."""
    return random.uniform(0.1, min(LONGEST_BACKOFF_SECONDS, 2.0**attempt))  # noqa: S311 - spreads load, hides nothing


def _try_again(tx: Transaction, run: Run, step: Step, delay_seconds: float) -> None:
    tx.record(step.queue(tx.now + timedelta(seconds=delay_seconds)))
    tx.save(step)
    tx.enqueue(step.job(run.priority, delay_seconds))
    run.retries += 1


async def _give_up(tx: Transaction, run: Run, step: Step, status: StepStatus, error: RunError) -> None:
    tx.record(step.end(status, error))
    tx.save(step)
    run.error = run.error or error
    await wind_down(tx, run)


@dataclass(kw_only=True)
class StopStep(StepCommand):
    """Record that the step was interrupted because its run is canceled."""


async def stop_step(tx: Transaction, actor: Actor, command: StopStep) -> Step:
    run, step = await _claimed(tx, command)
    tx.record(step.end(StepStatus.CANCELED))
    tx.save(step)
    await wind_down(tx, run)
    keep(tx, run)
    return step


@dataclass(kw_only=True)
class ReleaseStep(StepCommand):
    """Give a claimed step back unfinished: the worker is going away. The attempt does not count."""


async def release_step(tx: Transaction, actor: Actor, command: ReleaseStep) -> Step:
    run, step = await _claimed(tx, command)
    step.attempt -= 1
    tx.record(step.queue())
    tx.save(step)
    if run.is_stopping:
        await wind_down(tx, run)
        keep(tx, run)
    else:
        tx.enqueue(step.job(run.priority))
    return step


@dataclass(kw_only=True)
class ExpireStep(StepCommand):
    """Take a step from a worker that no longer renews its lease. What may be repeated is, the rest is left open."""


WORKER_LOST = "The worker that ran this step went away"


async def expire_step(tx: Transaction, actor: Actor, command: ExpireStep) -> Step:
    run, step = await _claimed(tx, command, lock=True)
    if step.lease_until is not None and step.lease_until > tx.now:
        raise DomainError(ErrorCode.CONFLICT, "The lease on this step was renewed meanwhile")
    if run.cancel_requested_at is not None:
        tx.record(step.end(StepStatus.CANCELED))
        tx.save(step)
        await wind_down(tx, run)
    elif not step.repeatable:
        message = f"{WORKER_LOST} while a provider was at work: it may have been charged, so it is not repeated"
        error = RunError(code=ErrorCode.OUTCOME_UNKNOWN, message=message, node_id=step.node_id)
        await _give_up(tx, run, step, StepStatus.OUTCOME_UNKNOWN, error)
    elif step.attempt < MOST_ATTEMPTS and not run.is_stopping:
        _try_again(tx, run, step, 0.0)
    else:
        error = RunError(
            code=ErrorCode.DEADLINE_EXCEEDED, message=f"{WORKER_LOST}, {step.attempt} times", node_id=step.node_id
        )
        await _give_up(tx, run, step, StepStatus.FAILED, error)
    keep(tx, run)
    return step
