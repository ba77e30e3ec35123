"""What is said of a step that did not succeed: it failed, was stopped, given back, or its worker went away."""

import random
from dataclasses import dataclass
from datetime import timedelta

from domain import circuits
from domain.advancing import give_up, keep, settle, wind_down
from domain.asking import leave_open
from domain.claiming import StepCommand, claimed
from domain.errors import DomainError, ErrorCode
from domain.permissions import Actor
from domain.ports import Transaction
from domain.purposes import PURPOSES
from domain.runs import Run, failure
from domain.steps import RunError, Step, StepStatus

MOST_ATTEMPTS = 5
LONGEST_BACKOFF_SECONDS = 60.0


@dataclass(kw_only=True)
class FailStep(StepCommand):
    """
    Record that an attempt failed: it is tried again later, where that can help, or the run fails with it.

    Where the provider may have been charged and cannot say what became of the call, a person is asked. That the
    provider failed, and not the caller or we, is what its circuit counts.
    """

    error: RunError
    retry_after_seconds: float | None = None
    provider_failed: bool = False


async def fail_step(tx: Transaction, actor: Actor, command: FailStep) -> Step:
    run, step = await claimed(tx, command)
    if command.provider_failed:
        await circuits.failed(tx, step.provider)
    elif command.error.code is ErrorCode.PROVIDER_REFUSED:
        await circuits.worked(tx, step.provider)
    if command.error.retryable and _may_try_again(run, step):
        delay_seconds = max(backoff_seconds(step.attempt), command.retry_after_seconds or 0)
        await _try_again(tx, run, step, delay_seconds, command.error.message)
    elif command.error.code is ErrorCode.OUTCOME_UNKNOWN:
        await leave_open(tx, run, step, command.error)
    else:
        await give_up(tx, run, step, command.error)
    await keep(tx, run)
    return step


def _may_try_again(run: Run, step: Step) -> bool:
    return step.attempt < int(step.config.get("attempts", MOST_ATTEMPTS)) and not run.is_stopping


def backoff_seconds(attempt: int) -> float:
    """Exponential with full jitter, so that many that failed together do not come back together."""
    return random.uniform(0.1, min(LONGEST_BACKOFF_SECONDS, 2.0**attempt))  # noqa: S311 - spreads load, hides nothing


async def _try_again(tx: Transaction, run: Run, step: Step, delay_seconds: float, why: str) -> None:
    tx.record(step.queue(tx.now + timedelta(seconds=delay_seconds)))
    tx.save(step)
    tx.enqueue(step.job(delay_seconds))
    run.retries += 1
    await PURPOSES[run.purpose].stumble(tx, run, why)
    await settle(tx, run)


@dataclass(kw_only=True)
class StopStep(StepCommand):
    """Record that the step was interrupted because its run is over: canceled, or past its deadline."""


async def stop_step(tx: Transaction, actor: Actor, command: StopStep) -> Step:
    run, step = await claimed(tx, command)
    run.stop_if_late(tx.now)
    message = "The step was cut short while a provider was at work: it may have been charged"
    unknown = None if step.repeatable else failure(ErrorCode.OUTCOME_UNKNOWN, message, step)
    tx.record(step.end(StepStatus.OUTCOME_UNKNOWN if unknown else StepStatus.CANCELED, unknown))
    tx.save(step)
    await wind_down(tx, run)
    await keep(tx, run)
    return step


@dataclass(kw_only=True)
class ReleaseStep(StepCommand):
    """Give a claimed step back unfinished: the worker is going away. The attempt does not count."""


async def release_step(tx: Transaction, actor: Actor, command: ReleaseStep) -> Step:
    run, step = await claimed(tx, command)
    step.attempt -= 1
    tx.record(step.queue(tx.now))
    tx.save(step, run)
    if run.is_stopping:
        await wind_down(tx, run)
        await keep(tx, run)
    else:
        tx.enqueue(step.job())
    return step


@dataclass(kw_only=True)
class ExpireStep(StepCommand):
    """Take a step from a worker that no longer renews its lease. What may be repeated is, the rest is left open."""


WORKER_LOST = "The worker that ran this step went away"


async def expire_step(tx: Transaction, actor: Actor, command: ExpireStep) -> Step:
    run, step = await claimed(tx, command, lock=True)
    if step.lease_until is not None and step.lease_until > tx.now:
        raise DomainError(ErrorCode.CONFLICT, "The lease on this step was renewed meanwhile")
    if run.cancel_requested_at is not None:
        tx.record(step.end(StepStatus.CANCELED))
        tx.save(step)
        await wind_down(tx, run)
    elif not step.repeatable:
        message = f"{WORKER_LOST} while a provider was at work: it may have been charged, so it is not repeated"
        await leave_open(tx, run, step, failure(ErrorCode.OUTCOME_UNKNOWN, message, step))
    elif _may_try_again(run, step):
        await _try_again(tx, run, step, 0.0, WORKER_LOST)
    else:
        message = f"{WORKER_LOST}, {step.attempt} times"
        await give_up(tx, run, step, failure(ErrorCode.DEADLINE_EXCEEDED, message, step))
    await keep(tx, run)
    return step
