"""What becomes of a run to that for whose sake it was started: it begins, makes pictures, ends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain import generation_jobs, generation_runs
from domain.images import Image
from domain.ports import Transaction
from domain.runs import Run, RunPurpose


async def _nothing(tx: Transaction, run: Run) -> None:
    """Where nobody minds."""


async def _as_it_is(tx: Transaction, run: Run, image: Image) -> Image | None:
    return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """
    `adopt` says which image a new picture becomes: the given one, to be added, or one whose place it has taken; None
    where nobody wants it any more. Where nobody can be asked (`asks`), what a person would decide has failed.
    """

    begin: Callable[[Transaction, Run], Awaitable[None]] = _nothing
    adopt: Callable[[Transaction, Run, Image], Awaitable[Image | None]] = _as_it_is
    conclude: Callable[[Transaction, Run], Awaitable[None]] = _nothing
    asks: bool = True


PURPOSES: dict[RunPurpose | None, Purpose] = {
    None: Purpose(),
    RunPurpose.GENERATION_JOB: Purpose(conclude=generation_jobs.conclude),
    RunPurpose.GENERATION: Purpose(
        begin=generation_runs.begin, adopt=generation_runs.adopt, conclude=generation_runs.conclude, asks=False
    ),
}
