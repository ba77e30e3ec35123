"""What the run of a shot means to it: it is being worked on, how far it is, its picture, how it ended."""

from dataclasses import replace

from domain.errors import ErrorCode
from domain.images import Image
from domain.ports import Transaction
from domain.runs import Run, RunStatus
from domain.shots.batch import ShotBatch
from domain.shots.files import ShotFile
from domain.shots.logs import LogLevel, line
from domain.shots.making import fail, go_on
from domain.shots.shot import Shot, ShotStatus
from domain.steps import RunError

_NO_PICTURE = RunError(code=ErrorCode.PROVIDER_FAILED, message="The graph ended without a picture of its output node")
_SMALLEST_ADVANCE = 0.005


async def begin(tx: Transaction, run: Run) -> None:
    if found := await _of(tx, run):
        batch, shot = found
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
    if found := await _of(tx, run):
        tx.add(line(found[1], f"{trouble}. It is tried again", LogLevel.WARNING))


async def adopt(tx: Transaction, run: Run, image: Image) -> Image | None:
    """The first picture is the shot's, under its name; a graph that makes more of them loses the others."""
    found = await _of(tx, run)
    if found is None:
        return None
    _, shot = found
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
    found = await _of(tx, run)
    if found is None:
        return
    batch, shot = found
    batch.in_flight -= 1
    batch.cost += run.cost
    if run.status is RunStatus.SUCCEEDED and shot.image_id is not None:
        batch.move(shot, ShotStatus.DONE)
        shot.progress = 1.0
        tx.add(line(shot, f"Done: {shot.file_name}"))
    elif run.status is RunStatus.CANCELED:
        batch.move(shot, ShotStatus.CANCELED)
        tx.add(line(shot, "Canceled"))
    else:
        fail(tx, batch, shot, run.error or _NO_PICTURE)
    await go_on(tx, batch)
    _keep(tx, batch, shot)


async def _of(tx: Transaction, run: Run) -> tuple[ShotBatch, Shot] | None:
    """The shot as it is under its batch's lock, if this is the run that makes its picture."""
    found = await tx.newest(Shot, run_id=run.id)
    if found is None:
        return None
    batch = await tx.get(ShotBatch, found.batch_id, lock=True)
    shot = await tx.newest(Shot, run_id=run.id)
    return (batch, shot) if shot is not None and not shot.has_ended else None


def _keep(tx: Transaction, batch: ShotBatch, shot: Shot) -> None:
    tx.record(shot.changed(), batch.changed())
    tx.save(shot, batch)
