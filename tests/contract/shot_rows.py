"""A command of each kind about film shots."""

from typing import Any

from domain.commands import execute
from domain.ids import new_id
from domain.permissions import engine_actor
from domain.ports import Command
from domain.shots.batch import ShotBatch
from domain.shots.batch_commands import CancelShotBatch, ResumeShotBatch, RetryShotBatch, StartShotBatch
from domain.shots.commands import CancelShot, RetryShot, SetShotMode
from domain.shots.planning import AskedBatch, PreviewShotBatch, ShotSequence
from domain.shots.shot import BatchMode, Shot, ShotStatus
from domain.shots.submitting import MatchShotFiles, SubmitShotImage
from tests.contract.picture_rows import Build, made
from tests.contract.studio_rows import stored
from tests.studio import Tenant


def asked(one: Tenant, mode: BatchMode = BatchMode.AUTO) -> dict[str, Any]:
    return {
        "project_id": one.project_id,
        "season": "S02",
        "episode": "E202",
        "sequences": [ShotSequence(sequence_id="SQ0010", plans=["0010"])],
        "style": "labo",
        "params": {"fallback": True},
        "mode": mode,
    }


async def a_batch(one: Tenant, mode: BatchMode = BatchMode.AUTO) -> ShotBatch:
    batch: ShotBatch = await one.do(StartShotBatch(**asked(one, mode)))
    return batch


async def a_shot(one: Tenant, mode: BatchMode = BatchMode.AUTO) -> Shot:
    (shot,) = await one.parts.studio.reads.many(Shot, one.actor, batch_id=(await a_batch(one, mode)).id)
    return shot


async def _failed(one: Tenant) -> RetryShotBatch:
    batch = await a_batch(one)
    command = RetryShotBatch(id=batch.id)
    (shot,) = await one.parts.studio.reads.many(Shot, one.actor, batch_id=batch.id)
    await one.do(CancelShot(id=shot.id))
    async with one.parts.database.begin(engine_actor(one.actor.organization_id), command, None) as transaction:
        kept, failed = await transaction.get(ShotBatch, batch.id), await transaction.get(Shot, shot.id)
        kept.move(failed, ShotStatus.ERROR)
        transaction.save(kept, failed)
    return command


async def _paused(one: Tenant) -> ResumeShotBatch:
    batch = await a_batch(one)
    command = ResumeShotBatch(id=batch.id)
    async with one.parts.database.begin(engine_actor(one.actor.organization_id), command, None) as transaction:
        kept = await transaction.get(ShotBatch, batch.id)
        kept.paused_because = "it is late"
        transaction.save(kept)
    return command


async def _retry_shot(one: Tenant) -> RetryShot:
    shot = await a_shot(one)
    await execute(one.parts.database.begin, one.actor, CancelShot(id=shot.id))
    return RetryShot(id=shot.id)


async def _submit(one: Tenant) -> SubmitShotImage:
    shot = await a_shot(one, BatchMode.MANUAL)
    return SubmitShotImage(shot_id=shot.id, file_name=f"{new_id()}.png", sent_hash="0" * 64, stored=await stored(one))


async def _match(one: Tenant) -> MatchShotFiles:
    return MatchShotFiles(file_names=["kite.png"], batch_id=(await a_batch(one)).id)


async def _cancel_batch(one: Tenant) -> CancelShotBatch:
    return CancelShotBatch(id=(await a_batch(one)).id)


async def _cancel_shot(one: Tenant) -> CancelShot:
    return CancelShot(id=(await a_shot(one)).id)


async def _set_mode(one: Tenant) -> SetShotMode:
    return SetShotMode(id=(await a_shot(one)).id, mode=BatchMode.MANUAL)


SHOTS: dict[type[Command[Any]], Build] = {
    PreviewShotBatch: made(lambda one: PreviewShotBatch(start=AskedBatch(**asked(one)))),
    StartShotBatch: made(lambda one: StartShotBatch(**asked(one))),
    RetryShotBatch: _failed,
    ResumeShotBatch: _paused,
    CancelShotBatch: _cancel_batch,
    RetryShot: _retry_shot,
    CancelShot: _cancel_shot,
    SetShotMode: _set_mode,
    MatchShotFiles: _match,
    SubmitShotImage: _submit,
}
