"""What people do with single shots: repeat one, call one off, take one over by hand."""

from dataclasses import dataclass

from domain.errors import Contended, DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.permissions import Actor
from domain.ports import Command, Transaction
from domain.run_commands import CancelRun, cancel_run
from domain.runs import Run
from domain.shots.batch import ShotBatch
from domain.shots.batch_commands import again, keep
from domain.shots.logs import line
from domain.shots.shot import BatchMode, Shot, ShotStatus


async def to_change(tx: Transaction, id: Id) -> tuple[ShotBatch, Shot]:
    """The shot and its batch, this transaction's to change; its run is locked before them, as workers do."""
    seen = await tx.get(Shot, id)
    run_id = None if seen.has_ended else seen.run_id
    if run_id is not None:
        await tx.lock(Run, id=run_id)
    batch = await tx.get(ShotBatch, seen.batch_id, lock=True)
    shot = await tx.get(Shot, id)
    if not shot.has_ended and shot.run_id != run_id:
        raise Contended  # it has begun meanwhile
    return batch, shot


@dataclass(kw_only=True)
class RetryShot(Command[Shot]):
    """Make a shot's picture again, under the next version of its name; what it has stays."""

    id: Id


async def retry_shot(tx: Transaction, actor: Actor, command: RetryShot) -> Shot:
    batch, shot = await to_change(tx, command.id)
    if not shot.has_ended:
        raise DomainError(ErrorCode.CONFLICT, "This shot is not over: cancel it, or wait for its end")
    await again(tx, batch, [shot])
    return await tx.get(Shot, shot.id)


@dataclass(kw_only=True)
class CancelShot(Command[Shot]):
    """Call a shot off; asking again changes nothing, and one that is over stays as it is."""

    id: Id


async def cancel_shot(tx: Transaction, actor: Actor, command: CancelShot) -> Shot:
    batch, shot = await to_change(tx, command.id)
    if shot.has_ended:
        return shot
    if shot.run_id is not None:
        await cancel_run(tx, actor, CancelRun(id=shot.run_id))
        return await tx.get(Shot, shot.id)
    batch.move(shot, ShotStatus.CANCELED)
    shot.claim = None
    tx.add(line(shot, "Canceled"))
    _save(tx, shot)
    await keep(tx, batch)
    return shot


@dataclass(kw_only=True)
class SetShotMode(Command[Shot]):
    """
    Take a shot over by hand (MANUAL), or have it made again (AUTO).

    A picture that is being made is given up. One that failed gets the next version of its name.
    """

    id: Id
    mode: BatchMode


async def set_shot_mode(tx: Transaction, actor: Actor, command: SetShotMode) -> Shot:
    batch, shot = await to_change(tx, command.id)
    if shot.status in {ShotStatus.DONE, ShotStatus.CANCELED}:
        raise DomainError(ErrorCode.CONFLICT, "This shot is over: retry it first")
    if batch.canceled_at is not None and shot.status is not ShotStatus.ERROR:
        raise DomainError(ErrorCode.CONFLICT, "This batch was called off: retry the shot once it has stopped")
    if command.mode is BatchMode.AUTO and batch.recipe is None:
        message = "This batch was started by hand, without saying how pictures are made: start another one in mode AUTO"
        raise InvalidInput(message, field="mode")
    if shot.mode is command.mode:
        return shot
    shot.mode = command.mode
    if shot.status is ShotStatus.ERROR:
        await again(tx, batch, [shot])
        return await tx.get(Shot, shot.id)
    await _give_up(tx, actor, shot)
    batch = await tx.get(ShotBatch, batch.id)
    batch.move(shot, ShotStatus.WAITING if shot.mode is BatchMode.MANUAL else ShotStatus.QUEUED)
    shot.claim, shot.progress = None, 0.0
    by_hand = shot.mode is BatchMode.MANUAL
    tx.add(line(shot, f"Waits for its picture, brought as {shot.file_name}" if by_hand else "To be made"))
    _save(tx, shot)
    await keep(tx, batch)
    return await tx.get(Shot, shot.id)


async def _give_up(tx: Transaction, actor: Actor, shot: Shot) -> None:
    """The run that is under way is not this shot's any more; what it costs until it has stopped is the batch's."""
    if shot.run_id is not None:
        run_id, shot.run_id = shot.run_id, None
        tx.save(shot)
        await cancel_run(tx, actor, CancelRun(id=run_id))


def _save(tx: Transaction, shot: Shot) -> None:
    tx.record(shot.changed())
    tx.save(shot)
