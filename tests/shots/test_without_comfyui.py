"""Batches where no ComfyUI is connected: by the image provider if that is asked for, or by hand."""

import pytest

from app.parts import Parts
from domain.errors import DomainError, ErrorCode
from domain.images import Image
from domain.shots.batch_commands import StartShotBatch
from domain.shots.planning import ShotSequence
from domain.shots.shot import BatchMode, Shot
from tests.contract.shot_rows import asked
from tests.engine.crew import a_worker, work_off
from tests.studio import Tenant, tenant


@pytest.fixture
async def owner(parts: Parts) -> Tenant:
    return await tenant(parts)


async def test_a_batch_is_refused_and_told_what_to_do(owner: Tenant) -> None:
    with pytest.raises(DomainError) as refused:
        await owner.do(StartShotBatch(**{**asked(owner), "params": {}}))
    assert refused.value.code is ErrorCode.VALIDATION_ERROR
    assert "EASEL_COMFYUI_URL" in refused.value.message
    assert '{"fallback": true}' in refused.value.message


async def test_the_image_provider_draws_where_it_is_asked_to(owner: Tenant) -> None:
    batch = await owner.do(StartShotBatch(**{**asked(owner), "params": {"fallback": True, "aspect_ratio": "21:9"}}))
    await work_off(owner.parts, a_worker(owner.parts))
    (shot,) = await owner.parts.studio.reads.many(Shot, owner.actor, batch_id=batch.id)
    image = await owner.parts.studio.reads.one(Image, owner.actor, id=shot.image_id)
    assert image is not None
    assert (image.file_name, image.provider) == ("E202_SQ0010-0010_AI-concept_v0001.png", "sketch")
    assert image.width / image.height == pytest.approx(21 / 9, rel=0.02)


async def test_shots_by_hand_need_neither(owner: Tenant) -> None:
    sequences = [ShotSequence(sequence_id="SQ0010", plans=["0010", "0020"])]
    given = {**asked(owner, BatchMode.MANUAL), "params": None, "sequences": sequences}
    batch = await owner.do(StartShotBatch(**given))
    assert (batch.status, batch.counts.waiting) == ("STARTED", 2)
