"""Batches of shots by ComfyUI, from the payload of the specification to pictures with strict names."""

import pytest

from tests.shots.crew import Studio

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_specified_batch_ends_with_pictures_of_exactly_the_specified_names(studio: Studio) -> None:
    id_ = await studio.started()
    batch = await studio.over(id_)
    assert (batch["status"], batch["progress"]) == ("DONE", 1.0)
    assert batch["counts"] == {"queued": 0, "running": 0, "waiting": 0, "done": 3, "error": 0, "canceled": 0}
    names = [f"E202_SQ0010-{plan}_AI-concept_v0001.png" for plan in ("0010", "0020", "0030")]
    shots = batch["shots"]["nodes"]
    assert [shot["fileName"] for shot in shots] == names
    assert [shot["image"]["fileName"] for shot in shots] == names
    assert {(shot["image"]["provider"], shot["image"]["mimeType"]) for shot in shots} == {("comfyui", "image/png")}
    lines = [line["message"] for line in batch["logs"]["nodes"] if line["shotId"] == shots[0]["id"]]
    assert lines == [f"Making {names[0]}, attempt 1", f"Done: {names[0]}"]


async def test_what_is_asked_for_stands_in_the_graph(studio: Studio) -> None:
    id_ = await studio.started(params={"steps": 2, "cfg": 3.5, "lora_strength": 0.4, "seed": 7})
    await studio.over(id_)
    graphs = [prompt["graph"] for prompt in await studio.comfyui.prompts()]
    assert len(graphs) == 3
    sampler, lora = graphs[0]["6"]["inputs"], graphs[0]["2"]["inputs"]
    assert (sampler["steps"], sampler["cfg"], sampler["seed"]) == (2, 3.5, 7)
    assert (lora["strength_model"], lora["strength_clip"]) == (0.4, 0.4)
    plans = {graph["3"]["inputs"]["text"].rpartition("plan ")[2] for graph in graphs}
    assert plans == {"0010", "0020", "0030"}
