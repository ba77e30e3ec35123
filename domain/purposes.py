"""What becomes of a run to that for whose sake it was started: it begins, goes on, makes pictures, ends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain import generation_jobs, generation_runs
from domain.images import Image
from domain.ports import Transaction
from domain.runs import Run, RunPurpose
from domain.shots import runs as shot_runs


async def _nothing(tx: Transaction, run: Run) -> None:
    """Where nobody minds."""


async def _unheard(tx: Transaction, run: Run, trouble: str) -> None:
    """Where nobody is told."""


async def _as_it_is(tx: Transaction, run: Run, image: Image) -> Image | None:
    return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """
    `claim` locks what `begin` is going to change, before anything that others wait for; `advance` hears of each change
    until the run is over, and `stumble` why a step of it is to be tried again. `adopt` says which image a new picture
    becomes: the given one, to be added, or one whose place it has taken; None where nobody wants it any more. Where
    nobody can be asked (`asks`), what a person would decide has failed.
    """

    claim: Callable[[Transaction, Run], Awaitable[None]] = _nothing
    begin: Callable[[Transaction, Run], Awaitable[None]] = _nothing
    advance: Callable[[Transaction, Run], Awaitable[None]] = _nothing
    stumble: Callable[[Transaction, Run, str], Awaitable[None]] = _unheard
    adopt: Callable[[Transaction, Run, Image], Awaitable[Image | None]] = _as_it_is
    conclude: Callable[[Transaction, Run], Awaitable[None]] = _nothing
    asks: bool = True


PURPOSES: dict[RunPurpose | None, Purpose] = {
    None: Purpose(),
    RunPurpose.GENERATION_JOB: Purpose(conclude=generation_jobs.conclude),
    RunPurpose.GENERATION: Purpose(
        begin=generation_runs.begin, adopt=generation_runs.adopt, conclude=generation_runs.conclude, asks=False
    ),
    RunPurpose.SHOT: Purpose(
        claim=shot_runs.claim,
        begin=shot_runs.begin,
        advance=shot_runs.advance,
        stumble=shot_runs.stumble,
        adopt=shot_runs.adopt,
        conclude=shot_runs.conclude,
        asks=False,
    ),
}
