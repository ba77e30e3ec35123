"""Batches that meet what nobody wished for: sources that are gone, names that meet, runs that are taken over."""

from hashlib import sha256
from typing import Any

import pytest

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.runs import Run
from domain.shots.shot import Shot, ShotStatus
from domain.shots.submitting import MatchShotFiles, SubmitShotImage
from tests.engine.crew import until
from tests.providers.drawing import encoded, plain
from tests.shots.crew import Studio
from tests.studio import GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONE = [{"sequenceId": "SQ0010", "plans": ["0010"]}]
LABO = {"style": "labo", "workflowJson": "Labo.json", "params": {"steps": 1}}
PICTURE = "E202_SQ0010-0010_AI-concept_v{:04}.png"
SOURCE = "E202_SQ0010-0010_extracted-raw_v{:04}.png"
TEMPLATE = "mutation($input: UpdateProjectInput!) { updateProject(input: $input) { project { id } } }"
DELETE = "mutation($id: ID!) { deleteImage(input: {id: $id}) { clientMutationId } }"
PLAN_FIRST = "{episode}_{sequence}_{plan}_{version:04}_{task}.{ext}"
VERSION_FIRST = "{episode}_{sequence}_{version:04}_{plan}_{task}.{ext}"


async def brought(studio: Studio, file_name: str, side: int = 8, **whose: Any) -> Shot:
    data = encoded(plain(side, side), "PNG")
    command = SubmitShotImage(file_name=file_name, sent_hash=sha256(data).hexdigest(), **whose)
    return await studio.owner.parts.studio.uploads.submit(studio.owner.actor, command, data)


async def template(studio: Studio, nomenclature: str) -> None:
    changed = {"id": studio.owner.project_id, "settings": {"nomenclature": nomenclature}}
    await studio.client.ask(TEMPLATE, input=changed)


async def refusal(studio: Studio, **changes: Any) -> GraphQLFailure:
    with pytest.raises(GraphQLFailure) as refused:
        await studio.started(**changes)
    return refused.value


async def test_shots_that_cannot_begin_leave_their_room_to_the_next(studio: Studio) -> None:
    plans = [f"{number:04}" for number in range(160)]
    batch = await studio.over(await studio.started(sequences=[{"sequenceId": "SQ0010", "plans": plans}], **LABO))
    assert (batch["status"], batch["counts"]["error"]) == ("ERROR", 160)


@pytest.mark.parametrize(
    "params",
    [
        {"prompts": {"SQ0010-0010": None}},
        {"prompts": {"SQ0010-0990": "a kite"}},
        {"prompt": "{{nope}}"},
        {"aspect_ratio": ["16:9"]},
        {"fallback": "no"},
    ],
)
async def test_params_that_nothing_can_be_made_of_are_refused(studio: Studio, params: dict[str, Any]) -> None:
    refused = await refusal(studio, params=params)
    assert refused.code == "VALIDATION_ERROR"
    assert f"params.{next(iter(params))}" in refused.errors[0]["message"]


async def test_a_name_that_another_template_gave_to_another_shot_is_given_to_nobody_else(studio: Studio) -> None:
    await template(studio, PLAN_FIRST)
    first = await studio.over(await studio.started(sequences=[{"sequenceId": "SQ0010", "plans": ["0001", "0002"]}]))
    await template(studio, VERSION_FIRST)
    one = next(shot for shot in first["shots"]["nodes"] if shot["plan"] == "0001")
    with pytest.raises(GraphQLFailure) as refused:  # its second version would be called as the first of 0002 is
        await studio.change("retryShot(ShotInput)", one["id"])
    assert (refused.value.code, "E202_SQ0010_0002_0001" in refused.value.errors[0]["message"]) == ("CONFLICT", True)


async def test_a_file_whose_name_is_taken_collides_before_it_is_sent(studio: Studio) -> None:
    await template(studio, PLAN_FIRST)
    await studio.started(mode="MANUAL", sequences=[{"sequenceId": "SQ0010", "plans": ["0007"]}])
    await template(studio, VERSION_FIRST)
    id_ = await studio.started(mode="MANUAL", sequences=[{"sequenceId": "SQ0010", "plans": ["0001"]}])
    name = "E202_SQ0010_0007_0001_AI-concept.png"
    (found,) = await studio.owner.do(MatchShotFiles(file_names=[name], batch_id=Id(id_)))
    assert found.match == "COLLIDING"
    with pytest.raises(DomainError) as refused:
        await brought(studio, name, shot_id=(await studio.shots(id_))["SQ0010-0001"].id)
    assert refused.value.code is ErrorCode.CONFLICT


async def test_two_files_for_one_picture_collide_and_versions_do_not_leap(studio: Studio) -> None:
    id_ = await studio.started(mode="MANUAL", sequences=ONE)
    several = MatchShotFiles(file_names=[PICTURE.format(1), PICTURE.format(2)], batch_id=Id(id_))
    assert [one.match for one in await studio.owner.do(several)] == ["COLLIDING", "COLLIDING"]
    with pytest.raises(DomainError) as refused:
        await brought(studio, PICTURE.format(999_999_999), batch_id=id_)
    assert refused.value.code is ErrorCode.CONFLICT


async def test_a_run_that_was_taken_from_its_shot_is_the_batchs_to_wait_for(studio: Studio) -> None:
    await studio.comfyui.script("success-after-interrupt")
    id_ = await studio.started(sequences=ONE)
    await studio.comfyui.prompts(at_least=1)
    shot = await studio.until_shot(id_, "SQ0010-0010", ShotStatus.RUNNING)
    await studio.change("setShotMode(SetShotModeInput)", shot.id, mode="MANUAL")
    assert (await studio.row(id_)).in_flight == 1

    async def has_stopped() -> bool:
        return (await studio.row(id_)).in_flight == 0

    await until(has_stopped)
    assert ((await studio.shots(id_))["SQ0010-0010"].status, await studio.images()) == (ShotStatus.WAITING, [])


async def test_the_run_of_a_shot_is_not_repeated_by_itself(studio: Studio) -> None:
    await studio.over(await studio.started(sequences=ONE))
    (run,) = await studio.rows(Run)
    with pytest.raises(GraphQLFailure) as refused:
        await studio.client.ask(
            "mutation($input: RetryRunInput!) { retryRun(input: $input) { run { id } } }",
            input={"id": run.id, "failedOnly": False},
        )
    assert "retry that" in refused.value.errors[0]["message"]


async def test_a_source_is_brought_by_its_name_alone_and_a_deleted_one_counts_no_more(studio: Studio) -> None:
    id_ = await studio.started(sequences=ONE, **LABO)
    await studio.over(id_)
    first = await brought(studio, SOURCE.format(1))
    second = await brought(studio, SOURCE.format(2), 9)
    assert (first.batch_id, second.id) == (id_, first.id)
    assert second.source_image_id is not None
    await studio.client.ask(DELETE, id=second.source_image_id)
    await studio.change("retryShot(ShotInput)", first.id)
    assert (await studio.over(id_))["status"] == "DONE"
    assert (await studio.shots(id_))["SQ0010-0010"].source_image_id == first.source_image_id


async def test_a_shot_of_a_batch_that_was_called_off_is_not_taken_over(studio: Studio) -> None:
    await studio.comfyui.script("hold")
    id_ = await studio.started(sequences=ONE)
    await studio.comfyui.prompts(at_least=1)
    shot = await studio.until_shot(id_, "SQ0010-0010", ShotStatus.RUNNING)
    await studio.change("cancelShotBatch(ShotBatchInput)", id_)
    with pytest.raises(GraphQLFailure) as refused:
        await studio.change("setShotMode(SetShotModeInput)", shot.id, mode="MANUAL")
    assert refused.value.code == "CONFLICT"
    await studio.over(id_)
    assert (await studio.logs(id_))[-2:] == ["info: Called off", "info: Canceled"]


async def test_a_batch_does_not_answer_for_the_shots_of_another(studio: Studio) -> None:
    ids = [await studio.started(mode="MANUAL", sequences=ONE) for _ in range(2)]
    shot = (await studio.shots(ids[0]))["SQ0010-0010"]
    with pytest.raises(DomainError) as refused:
        await brought(studio, "kite.png", shot_id=shot.id, batch_id=ids[1])
    assert refused.value.code is ErrorCode.SHOT_NOT_FOUND
