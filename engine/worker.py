"""A worker: claims steps, does them with no transaction open, records what came of them."""

import asyncio
import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from domain.claiming import Caps, ClaimedStep, ClaimStep, StepCommand
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.execution import FinishStep, NoteJob, ReportStep
from domain.interruptions import FailStep, ReleaseStep, StopStep
from domain.kinds import KINDS
from domain.kinds.kind import Work
from domain.permissions import Actor, engine_actor
from domain.ports import Begin, StepJob
from domain.providers import Call, ProviderError
from domain.runs import Run
from domain.steps import RunError, Step
from engine.attempts import Attempt, Interruption
from engine.toolbox import EngineToolbox
from storage.leases import Held, Leases
from storage.turns import Turns

RECORD_BACKOFF_SECONDS = 0.5
UNWIND_SECONDS = 5.0
# After these the step is somebody else's, or nobody can be told: its lease runs out.
_NOT_OURS = {ErrorCode.CONFLICT, ErrorCode.RUN_NOT_FOUND, ErrorCode.UNAVAILABLE}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """
    `record_seconds` is how long a result is held while the database is away; `project_steps` of one project and
    `provider_steps` with one provider are the most that all workers hold at once.
    """

    lease_seconds: float = 10.0
    pulse_seconds: float = 0.5
    step_seconds: float = 180.0
    record_seconds: float = 300.0
    project_steps: int = 200
    provider_steps: int = 50


@dataclass(slots=True)
class Worker:
    begin: Begin
    leases: Leases
    turns: Turns
    toolbox: EngineToolbox
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    attempts: dict[Held, Attempt] = field(default_factory=dict)
    leaving: bool = False
    _reporting: "asyncio.Task[None] | None" = None

    async def work(self, _: StepJob | None = None) -> None:
        """Called when a step was queued: take turns until there is none to take. Which steps, the table says."""
        called = True
        while not self.leaving and (turn := await self.turns.next(called=called)):
            called = False
            await self.do(turn)

    async def do(self, job: StepJob) -> None:
        """Do one step, from the claim to the record of what came of it."""
        if self.leaving:
            return  # the reconciler queues it once more
        claim = await execute(self.begin, engine_actor(job.organization_id), self._claim_of(job))
        if claim is None:
            return
        trace_id = claim.run.trace_id
        with (
            structlog.contextvars.bound_contextvars(trace_id=trace_id, step_id=job.step_id),
            self._attempt(claim) as attempt,
        ):
            await self._finish(attempt)
            command = self._said_of(attempt)
            if command is not None:
                await self._record(engine_actor(job.organization_id, trace_id), claim.step, command)

    async def pulse(self) -> None:
        """Renew the leases of all that is being done, for ever; interrupt what was canceled or lost meanwhile."""
        while True:
            await asyncio.sleep(self.limits.pulse_seconds)
            attempts = dict(self.attempts)
            if not attempts:
                continue
            try:
                renewed = await self.leases.renew(attempts, self.limits.lease_seconds)
            except DomainError as error:
                log.warning("leases could not be renewed", error=error.message)
                continue
            except Exception:
                # Without a pulse every step would be taken over by somebody else while it is being done here.
                log.exception("leases could not be renewed")
                continue
            for held, attempt in attempts.items():
                if held not in renewed:
                    attempt.interrupt(Interruption.LOST)
                elif renewed[held]:
                    attempt.interrupt(Interruption.STOPPED)
            if not self._reporting or self._reporting.done():
                self._reporting = asyncio.create_task(self._report_news())

    def leave(self) -> None:
        """Begin nothing more, and give back what may be repeated; what may not goes on, as it is being paid for."""
        self.leaving = True
        for attempt in list(self.attempts.values()):
            if attempt.claim.step.repeatable:
                attempt.interrupt(Interruption.RELEASED)

    async def _report_news(self) -> None:
        """How far steps are may be told late or never; renewing their leases must not wait for it."""
        for attempt in [attempt for attempt in self.attempts.values() if attempt.has_news]:
            await self._report(attempt)

    async def _report(self, attempt: Attempt) -> None:
        step = attempt.claim.step
        attempt.reported = attempt.progress
        command = ReportStep(run_id=step.run_id, step_id=step.id, epoch=step.epoch, progress=attempt.progress)
        try:
            await execute(self.begin, engine_actor(step.organization_id), command)
        except Exception as error:  # noqa: BLE001 - whatever it was, the step goes on
            log.info("progress was not recorded", step_id=step.id, reason=repr(error))

    def _claim_of(self, job: StepJob) -> ClaimStep:
        limits = self.limits
        return ClaimStep(
            run_id=job.run_id,
            step_id=job.step_id,
            epoch=job.epoch,
            lease_seconds=limits.lease_seconds,
            caps=Caps(project=limits.project_steps, provider=limits.provider_steps),
        )

    @contextmanager
    def _attempt(self, claim: ClaimedStep) -> Iterator[Attempt]:
        """The attempt holds its lease until its result is recorded."""
        attempt = Attempt(claim)
        attempt.task = asyncio.ensure_future(KINDS[claim.step.kind].run(self._work_of(attempt)))
        self.attempts[attempt.held] = attempt
        try:
            yield attempt
        finally:
            attempt.task.cancel()
            del self.attempts[attempt.held]

    def _work_of(self, attempt: Attempt) -> Work:
        run, step = attempt.claim.run, attempt.claim.step
        return Work(
            organization_id=step.organization_id,
            project_id=step.project_id,
            run_id=step.run_id,
            step_id=step.id,
            config=step.config,
            inputs=step.inputs,
            given=run.inputs | step.given,
            prompts=run.prompts,
            seed=_seed_of(run, step),
            call=self._call_of(attempt),
            toolbox=self.toolbox,
            report=attempt.report,
        )

    def _call_of(self, attempt: Attempt) -> Call:
        run, step = attempt.claim.run, attempt.claim.step

        async def note_job(job_id: str) -> None:
            noted = NoteJob(run_id=run.id, step_id=step.id, epoch=step.epoch, job_id=job_id)
            await execute(self.begin, engine_actor(run.organization_id, run.trace_id), noted)

        return Call(
            idempotency_key=step.id,
            trace_id=run.trace_id,
            job_id=step.job_id,
            note_job=note_job,
            is_unwanted=lambda: attempt.interruption in {Interruption.STOPPED, Interruption.TOO_LONG},
        )

    async def _finish(self, attempt: Attempt) -> None:
        done, _ = await asyncio.wait({attempt.task}, timeout=self._longest_seconds(attempt.claim.step))
        if not done:
            attempt.interrupt(Interruption.TOO_LONG)
            await asyncio.wait({attempt.task}, timeout=UNWIND_SECONDS)

    def _longest_seconds(self, step: Step) -> float:
        """A provider that is known to take longer may; less is for the node to say."""
        graphs = self.toolbox.graph_provider
        at_provider = graphs.graph_terms.longest_seconds if graphs and step.kind == "comfyui" else None
        longest = max(self.limits.step_seconds, at_provider or 0.0)
        return min(longest, float(step.config.get("timeoutSeconds", math.inf)))

    def _said_of(self, attempt: Attempt) -> StepCommand | None:
        """What is to be recorded of the attempt; nothing where the step is not ours any more."""
        step, task = attempt.claim.step, attempt.task
        if task.done() and not task.cancelled() and task.exception() is None:
            return FinishStep(run_id=step.run_id, step_id=step.id, epoch=step.epoch, outcome=task.result())
        match attempt.interruption:
            case Interruption.LOST:
                log.warning("lease lost: the attempt is dropped")
                return None
            case Interruption.STOPPED:
                return StopStep(run_id=step.run_id, step_id=step.id, epoch=step.epoch)
            case Interruption.RELEASED:
                return ReleaseStep(run_id=step.run_id, step_id=step.id, epoch=step.epoch)
            case Interruption.TOO_LONG:
                return _failed(step, _cut_short(step))
            case None:
                return _failed(step, _cut_short(step) if task.cancelled() else task.exception() or _cut_short(step))

    async def _record(self, actor: Actor, step: Step, command: StepCommand) -> None:
        """Write down what came of the step; what cannot be kept as it is fails it, so that it is not made again."""
        try:
            await self._record_in_time(actor, command)
        except DomainError as error:
            log.warning("a result was not recorded", reason=error.message)
            if isinstance(command, FinishStep) and error.code not in _NOT_OURS:
                await self._record(actor, step, _failed(step, _unkept(error)))

    async def _record_in_time(self, actor: Actor, command: StepCommand) -> None:
        """However long the database takes to come back: what was made may have been paid for."""
        deadline = asyncio.get_running_loop().time() + self.limits.record_seconds
        while True:
            try:
                await execute(self.begin, actor, command)
            except DomainError as error:
                if error.code is not ErrorCode.UNAVAILABLE or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(RECORD_BACKOFF_SECONDS)
            else:
                return


def _seed_of(run: Run, step: Step) -> int:
    """The same for each attempt at the step, and for the same node of whatever repeats the run."""
    return int.from_bytes(hashlib.sha256(f"{run.seed}:{step.node_id}".encode()).digest()[:4]) >> 1


def _unkept(error: DomainError) -> DomainError:
    message = f"What the step made cannot be kept: {error.message}"
    return DomainError(ErrorCode.PROVIDER_FAILED, message)


def _cut_short(step: Step) -> DomainError:
    if step.repeatable:
        return DomainError(ErrorCode.DEADLINE_EXCEEDED, "The step took longer than it may")
    message = "The step was cut short while a provider was at work: it may have been charged, so it is not repeated"
    return DomainError(ErrorCode.OUTCOME_UNKNOWN, message)


def _failed(step: Step, error: BaseException) -> FailStep:
    code, message, retryable, retry_after_seconds = ErrorCode.INTERNAL, "The step failed unexpectedly", False, None
    if isinstance(error, DomainError):
        code, message = error.code, error.message
        retryable = step.repeatable and code in {ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED}
    provider_failed = isinstance(error, ProviderError) and (error.retryable or error.outcome_unknown)
    if isinstance(error, ProviderError):
        code = ErrorCode.OUTCOME_UNKNOWN if error.outcome_unknown and not error.retryable else code
        retryable, retry_after_seconds = error.retryable, error.retry_after_seconds
    if code is ErrorCode.INTERNAL:
        log.error("step failed unexpectedly", exc_info=error)
    return FailStep(
        run_id=step.run_id,
        step_id=step.id,
        epoch=step.epoch,
        error=RunError(code=code, message=message, node_id=step.node_id, retryable=retryable),
        retry_after_seconds=retry_after_seconds,
        provider_failed=provider_failed,
    )
