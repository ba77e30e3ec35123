"""What the run of a shot means to it: it is being worked on, how far it is, its picture, how it ended."""

from dataclasses import replace

from domain.accounts import release
from domain.errors import ErrorCode
from domain.images import Image
from domain.ports import Transaction
from domain.runs import Run, RunStatus
from domain.shots.batch import ShotBatch
from domain.shots.files import ShotFile
from domain.shots.logs import LogLevel, LogLine, line
from domain.shots.making import fail, go_on
from domain.shots.shot import Shot, ShotStatus
from domain.steps import RunError

_NO_PICTURE = RunError(code=ErrorCode.PROVIDER_FAILED, message="The graph ended without a picture of its output node")
_SMALLEST_ADVANCE = 0.005


async def claim(tx: Transaction, run: Run) -> None:
    await tx.lock(ShotBatch, id=run.purpose_id)


async def begin(tx: Transaction, run: Run) -> None:
    batch, shot = await _of(tx, run)
    if shot is not None:
        batch.move(shot, ShotStatus.RUNNING)
        tx.add(line(shot, f"Making {shot.file_name}, attempt {shot.attempt}"))
        _keep(tx, batch, shot)


async def advance(tx: Transaction, run: Run) -> None:
    """Progress is the shot's alone: its batch, which others wait for, is left in peace."""
    if not run.progress:
        return
    for shot in await tx.lock(Shot, run_id=run.id, status=ShotStatus.RUNNING):
        if run.progress >= shot.progress + _SMALLEST_ADVANCE:
            shot.progress = run.progress
            tx.record(shot.changed())
            tx.save(shot)


async def stumble(tx: Transaction, run: Run, trouble: str) -> None:
    _, shot = await _of(tx, run)
    if shot is not None:
        tx.add(line(shot, f"{trouble}. It is tried again", LogLevel.WARNING))


async def adopt(tx: Transaction, run: Run, image: Image) -> Image | None:
    """The first picture is the shot's, under its name; a graph that makes more of them loses the others."""
    _, shot = await _of(tx, run)
    if shot is None:
        return None
    if shot.image_id is not None:
        tx.add(line(shot, "The graph made more than one picture: the first was kept", LogLevel.WARNING))
        return None
    shot.image_id = image.id
    image.file_name = shot.file_name
    for file in await tx.find(ShotFile, project_id=shot.project_id, name=shot.file_name):
        tx.save(replace(file, image_id=image.id))
    tx.save(shot)
    return image


async def conclude(tx: Transaction, run: Run) -> None:
    """A run that its shot was taken from is the batch's to pay all the same."""
    batch, shot = await _of(tx, run)
    batch.in_flight -= 1
    batch.cost += run.cost
    if shot is not None:
        tx.add(_end(batch, shot, run))
        tx.record(shot.changed())
        tx.save(shot)
    await release(tx, run)  # what was set aside for it is there for the next
    await go_on(tx, batch)
    tx.record(batch.changed())
    tx.save(batch)


def _end(batch: ShotBatch, shot: Shot, run: Run) -> LogLine:
    """The shot ends as its run did; what is to be said of it."""
    if run.status is RunStatus.SUCCEEDED and shot.image_id is not None:
        batch.move(shot, ShotStatus.DONE)
        shot.progress = 1.0
        return line(shot, f"Done: {shot.file_name}")
    if run.status is RunStatus.CANCELED:
        batch.move(shot, ShotStatus.CANCELED)
        return line(shot, "Canceled")
    return fail(batch, shot, run.error or _NO_PICTURE)


async def _of(tx: Transaction, run: Run) -> tuple[ShotBatch, Shot | None]:
    """The batch, locked, and the shot if this is the run that makes its picture."""
    assert run.purpose_id is not None  # noqa: S101 - as `making` starts them
    batch = await tx.get(ShotBatch, run.purpose_id, lock=True)
    shot = await tx.newest(Shot, run_id=run.id)
    return batch, None if shot is None or shot.has_ended else shot


def _keep(tx: Transaction, batch: ShotBatch, shot: Shot) -> None:
    tx.record(shot.changed(), batch.changed())
    tx.save(shot, batch)
