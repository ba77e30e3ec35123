"""What goes wrong with one shot, and what people do about it; the others go on."""

import pytest

from domain.shots.shot import ShotStatus
from tests.shots.crew import Studio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO = [{"sequenceId": "SQ0010", "plans": ["0010", "0020"]}]
ONE = [{"sequenceId": "SQ0010", "plans": ["0010"]}]


async def test_a_shot_that_fails_says_which_node_it_was_and_stops_no_other(studio: Studio) -> None:
    await studio.comfyui.script("error:KSampler")
    batch = await studio.over(await studio.started())
    assert (batch["status"], batch["counts"]["done"], batch["counts"]["error"]) == ("ERROR", 2, 1)
    (failed,) = [shot for shot in batch["shots"]["nodes"] if shot["status"] == "ERROR"]
    assert failed["image"] is None
    assert "KSampler" in failed["error"]["message"]
    (told,) = [line for line in batch["logs"]["nodes"] if line["level"] == "error"]
    assert (told["shotId"], told["message"]) == (failed["id"], failed["error"]["message"])


async def test_a_checkpoint_that_the_server_lacks_is_named_in_the_log(studio: Studio) -> None:
    await studio.comfyui.script("invalid:1")
    batch = await studio.over(await studio.started(sequences=ONE))
    (shot,) = batch["shots"]["nodes"]
    assert "CheckpointLoaderSimple" in shot["error"]["message"]


async def test_one_that_failed_is_made_again_as_the_next_version(studio: Studio) -> None:
    await studio.comfyui.script("error:KSampler")
    id_ = await studio.started(sequences=ONE)
    (shot,) = (await studio.over(id_))["shots"]["nodes"]
    await studio.change("retryShot(ShotInput)", shot["id"])
    batch = await studio.over(id_)
    (again,) = batch["shots"]["nodes"]
    assert (batch["status"], again["status"], again["attempt"]) == ("DONE", "DONE", 2)
    assert again["fileName"] == again["image"]["fileName"] == "E202_SQ0010-0010_AI-concept_v0002.png"
    assert [(file["version"], file["image"] is not None) for file in again["files"]] == [(1, False), (2, True)]


async def test_all_that_failed_are_made_again_and_what_is_done_is_left_alone(studio: Studio) -> None:
    await studio.comfyui.script("error:KSampler", "error:KSampler")
    id_ = await studio.started()
    before = {shot["id"]: shot for shot in (await studio.over(id_))["shots"]["nodes"]}
    await studio.change("retryShotBatch(ShotBatchInput)", id_)
    batch = await studio.over(id_)
    assert (batch["status"], len(await studio.comfyui.prompts())) == ("DONE", 5)
    for shot in batch["shots"]["nodes"]:
        was = before[shot["id"]]
        assert shot["attempt"] == (2 if was["status"] == "ERROR" else 1)
        assert was["status"] == "ERROR" or shot == was


async def test_a_picture_that_people_want_otherwise_is_made_again_beside_the_first(studio: Studio) -> None:
    id_ = await studio.started(sequences=ONE)
    (first,) = (await studio.over(id_))["shots"]["nodes"]
    await studio.change("retryShot(ShotInput)", first["id"])
    (second,) = (await studio.over(id_))["shots"]["nodes"]
    assert second["fileName"] == "E202_SQ0010-0010_AI-concept_v0002.png"
    assert [file["image"]["id"] for file in second["files"]] == [first["image"]["id"], second["image"]["id"]]
    seeds = {prompt["graph"]["6"]["inputs"]["seed"] for prompt in await studio.comfyui.prompts()}
    assert len(seeds) == 2


async def test_another_batch_of_the_same_plans_gets_the_next_versions(studio: Studio) -> None:
    await studio.over(await studio.started())
    batch = await studio.over(await studio.started())
    assert [shot["fileName"][-9:] for shot in batch["shots"]["nodes"]] == ["v0002.png"] * 3


async def test_a_batch_that_is_called_off_keeps_what_is_done_and_interrupts_its_own_prompt_alone(
    studio: Studio,
) -> None:
    await studio.comfyui.script("ok", "hold")
    id_ = await studio.started()
    await studio.comfyui.prompts(at_least=2)
    running = next(shot for shot in (await studio.shots(id_)).values() if shot.status is ShotStatus.RUNNING)
    canceled = await studio.change("cancelShotBatch(ShotBatchInput)", id_)
    assert canceled["status"] == "CANCELED"
    batch = await studio.over(id_)
    assert {name: batch["counts"][name] for name in ("done", "canceled")} == {"done": 1, "canceled": 2}
    assert len(await studio.comfyui.interrupted(at_least=1)) == 1
    assert len(await studio.comfyui.prompts()) == 2
    assert (await studio.shots(id_))[running.label].status is ShotStatus.CANCELED
    assert len(await studio.images()) == 1


async def test_one_shot_is_called_off_while_it_is_made(studio: Studio) -> None:
    await studio.comfyui.script("hold")
    id_ = await studio.started(sequences=TWO)
    await studio.comfyui.prompts(at_least=1)
    (running,) = [shot for shot in (await studio.shots(id_)).values() if shot.status is ShotStatus.RUNNING]
    await studio.change("cancelShot(ShotInput)", running.id)
    batch = await studio.over(id_)
    assert (batch["status"], batch["counts"]["canceled"], batch["counts"]["done"]) == ("DONE", 1, 1)


async def test_a_shot_that_is_taken_over_by_hand_stops_being_made_and_can_be_given_back(studio: Studio) -> None:
    await studio.comfyui.script("hold")
    id_ = await studio.started(sequences=ONE)
    await studio.comfyui.prompts(at_least=1)
    shot = await studio.until_shot(id_, "SQ0010-0010", ShotStatus.RUNNING)
    by_hand = await studio.change("setShotMode(SetShotModeInput)", shot.id, mode="MANUAL")
    assert by_hand["status"] == "WAITING"
    await studio.comfyui.interrupted(at_least=1)
    waiting = (await studio.shots(id_))["SQ0010-0010"]
    assert (waiting.file_name, waiting.run_id) == (shot.file_name, None)
    await studio.change("setShotMode(SetShotModeInput)", shot.id, mode="AUTO")
    batch = await studio.over(id_)
    assert (batch["status"], len(await studio.images())) == ("DONE", 1)
    assert batch["shots"]["nodes"][0]["fileName"] == "E202_SQ0010-0010_AI-concept_v0001.png"


async def test_what_is_tried_again_by_itself_stands_in_the_log_and_keeps_its_name(studio: Studio) -> None:
    await studio.comfyui.script("oom")
    id_ = await studio.started(sequences=ONE)
    batch = await studio.over(id_)
    (shot,) = batch["shots"]["nodes"]
    assert (shot["status"], shot["attempt"], shot["fileName"][-9:]) == ("DONE", 1, "v0001.png")
    assert any(line.startswith("warning: ") and "tried again" in line for line in await studio.logs(id_))
