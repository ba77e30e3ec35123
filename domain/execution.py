"""What a worker says of the step it holds, as long as all goes well."""

from dataclasses import dataclass

from domain import circuits
from domain.advancing import complete, keep, wind_down
from domain.asking import ask
from domain.claiming import StepCommand, claimed
from domain.copies import make_copies
from domain.forms import Question
from domain.kinds.kind import Copies, Outcome, StepResult
from domain.permissions import Actor
from domain.ports import Transaction
from domain.steps import Step
from domain.text import require_length

LONGEST_JOB_ID = 255


@dataclass(kw_only=True)
class FinishStep(StepCommand):
    """Record what came of the step, its images and its cost, and start what waited for it: one commit."""

    outcome: Outcome


async def finish_step(tx: Transaction, actor: Actor, command: FinishStep) -> Step:
    run, step = await claimed(tx, command)
    await circuits.worked(tx, step.provider)
    match command.outcome:
        case StepResult() as result:
            await complete(tx, run, step, result)
        case Question() as question if not run.is_stopping:
            await ask(tx, run, step, question)
        case Copies() as copies if not run.is_stopping:
            await make_copies(tx, run, step, copies)
        case _:
            tx.record(step.queue(tx.now))
            tx.save(step)
            await wind_down(tx, run)
    await keep(tx, run)
    return step


@dataclass(kw_only=True)
class NoteJob(StepCommand):
    """Keep what the provider calls the job that it is given for this step: a later attempt asks after it."""

    job_id: str

    def __post_init__(self) -> None:
        require_length(self.job_id, "jobId", longest=LONGEST_JOB_ID)


async def note_job(tx: Transaction, actor: Actor, command: NoteJob) -> Step:
    _, step = await claimed(tx, command, lock=True)
    step.job_id = command.job_id
    tx.save(step)
    return step


@dataclass(kw_only=True)
class ReportStep(StepCommand):
    """Say how much of a step is done, 0.0 to 1.0."""

    progress: float


async def report_step(tx: Transaction, actor: Actor, command: ReportStep) -> Step:
    run, step = await claimed(tx, command, lock=True)
    run.reserved += step.reserved
    run.advance(step, min(command.progress, 1.0))
    tx.record(step.changed())
    tx.save(step)
    await keep(tx, run)
    return step
