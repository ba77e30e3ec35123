"""How a worker takes a step: the claim, and what it must still hold when something is said of the step."""

from dataclasses import dataclass
from datetime import timedelta

from domain import budgets, caching, circuits
from domain.advancing import go_on, keep, wind_down
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.kinds import KINDS
from domain.permissions import Actor
from domain.ports import Command, Transaction
from domain.providers import Recovery, Terms
from domain.purposes import PURPOSES
from domain.runs import Run
from domain.steps import Step, StepStatus


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """A step that is this worker's own until the lease ends."""

    run: Run
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many steps workers may hold at once: of one project, and with one provider."""

    project: int
    provider: int


@dataclass(kw_only=True)
class ClaimStep(Command[ClaimedStep | None]):
    """
    Take a queued step. Nothing comes back when there is nothing to do: it has moved on since `epoch`, there is no room
    for it now, an earlier result serves, or its run cannot pay for it.
    """

    run_id: Id
    step_id: Id
    epoch: int
    lease_seconds: float
    caps: Caps


async def claim_step(tx: Transaction, actor: Actor, command: ClaimStep) -> ClaimedStep | None:
    run = await tx.get(Run, command.run_id, lock=True)
    tx.belong_to(run.trace_id)
    step = await tx.get(Step, command.step_id)
    terms = tx.offers.of(KINDS[step.kind])
    if step.status is not StepStatus.QUEUED or step.epoch != command.epoch:
        return None
    if run.stop_if_late(tx.now) or run.is_stopping:
        await wind_down(tx, run)
        await keep(tx, run)
        return None
    was_begun = run.started_at is not None
    run.begin()
    price = tx.offers.price(KINDS[step.kind], step.config)
    if not was_begun:
        await PURPOSES[run.purpose].claim(tx, run)
    if await caching.serve(tx, run, step, terms):
        await go_on(tx, run, step)
    elif not await _has_room(tx, step, terms, command.caps):
        step.available_at = tx.now  # it was given to several at once: whoever is done next may take it
        tx.save(step)
        return None
    elif why := await budgets.obstacle(tx, run, step, price):
        await budgets.pause(tx, run, step, why)
    else:
        run.reserved += price
        repeatable = terms is None or terms.recovery is not Recovery.NEITHER
        provider = terms.provider if terms else None
        lease_until = tx.now + timedelta(seconds=command.lease_seconds)
        tx.record(step.begin(lease_until, provider=provider, reserved=price, repeatable=repeatable))
        tx.save(step)
    await _keep_where_changed(tx, run, step, was_begun=was_begun)
    return ClaimedStep(run, step) if step.is_held else None


async def _has_room(tx: Transaction, step: Step, terms: Terms | None, caps: Caps) -> bool:
    if await tx.held_steps(project_id=step.project_id) >= caps.project:
        return False
    if terms is None:
        return True
    most = await circuits.most_calls(tx, terms.provider, terms.most_at_once(caps.provider))
    return await tx.held_steps(provider=terms.provider) < most


async def _keep_where_changed(tx: Transaction, run: Run, step: Step, *, was_begun: bool) -> None:
    """That a worker is at another of its steps changes nothing that is told of a run."""
    if step.is_held and was_begun:
        if step.reserved:
            tx.save(run)
    else:
        if not was_begun:
            await PURPOSES[run.purpose].begin(tx, run)
        await keep(tx, run)


@dataclass(kw_only=True)
class StepCommand(Command[Step]):
    """What a worker says of the step it claimed; refused when the claim is not the latest."""

    run_id: Id
    step_id: Id
    epoch: int


async def claimed(tx: Transaction, command: StepCommand, *, lock: bool = False) -> tuple[Run, Step]:
    """
    The step, still this worker's. What it may cost is no longer reserved: what it did cost is counted instead.

    Every change of a step is made under its run's lock; only renewing its lease is not, which `lock` shuts out.
    """
    run = await tx.get(Run, command.run_id, lock=True)
    tx.belong_to(run.trace_id)
    step = await tx.get(Step, command.step_id, lock=lock)
    if not step.is_held or step.epoch != command.epoch:
        raise DomainError(ErrorCode.CONFLICT, "The lease on this step was lost: what was made of it is dropped")
    run.reserved -= step.reserved
    return run, step
