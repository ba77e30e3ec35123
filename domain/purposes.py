"""What the end of a run means to that for whose sake it was started."""

from collections.abc import Awaitable, Callable

from domain import generation_jobs
from domain.ports import Transaction
from domain.runs import Run, RunPurpose

CONCLUSIONS: dict[RunPurpose, Callable[[Transaction, Run], Awaitable[None]]] = {
    RunPurpose.GENERATION_JOB: generation_jobs.conclude,
}
