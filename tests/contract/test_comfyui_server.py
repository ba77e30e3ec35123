"""The ComfyUI of the tests answers over HTTP as a real one was seen to."""

from typing import Any
from uuid import uuid4

import pytest

from tests.contract.comfyui_talking import Talk, image, save, slow, through

CAUGHT = "500 Internal Server Error\n\nServer got itself in trouble"
UPPER = "7B57DC5F-A8AA-4F50-92E4-846375E3E95E"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("{}", 400, "no_prompt"),
        ("[]", 400, "no_prompt"),
        ('{"prompt": {}}', 400, "prompt_no_outputs"),
        ('{"prompt": {"1": {"class_type": "Nope", "inputs": {}}}}', 400, "missing_node_type"),
        ('{"prompt": {"1": {"inputs": {}}}}', 400, "missing_node_type"),
        ('{"prompt": {"1": {"class_type": "EmptyImage", "inputs": {}}}}', 400, "prompt_no_outputs"),
        ('{"prompt": null}', 500, CAUGHT),
        ('{"prompt": []}', 500, CAUGHT),
        ('{"prompt": "x"}', 500, CAUGHT),
        ("not json", 500, CAUGHT),
    ],
)
async def test_a_body_that_is_no_prompt_is_refused(talk: Talk, body: str, status: int, told: str) -> None:
    answer = await talk.http.post("/prompt", content=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == status
    assert told == (answer.text if status == 500 else answer.json()["error"]["type"])


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"prompt_id": "abc"}, 400),
        ({"prompt_id": UPPER}, 400),
        ({"prompt_id": 5}, 400),
        ({"prompt_id": None}, 200),
        ({"prompt_id": UPPER.lower()}, 200),
        ({"number": "abc"}, 500),
        ({"extra_data": "text"}, 500),
        ({"extra_data": None}, 500),
        ({"partial_execution_targets": ["1"]}, 400),
        ({"unknown": 1}, 200),
    ],
)
async def test_what_comes_with_a_prompt_is_checked(talk: Talk, more: dict[str, Any], status: int) -> None:
    assert (await talk.post(image(), **more)).status_code == status


CIRCLE = {"1": {"class_type": "LabError", "inputs": {"image": ["1", 0], "msg": ""}}, "2": save(["1", 0])}
LATENT = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}
CHECKPOINT = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "nope.safetensors"}}


@pytest.mark.parametrize(
    ("graph", "node_id", "error", "details"),
    [
        (
            {"1": {"class_type": "EmptyImage", "inputs": {}}, "2": save(["1", 0])},
            "1",
            "required_input_missing",
            "width",
        ),
        (image(width="abc"), "1", "invalid_input_type", "width, abc, invalid literal for int() with base 10: 'abc'"),
        (image(width=999999), "1", "value_bigger_than_max", "width"),
        (image(width=0), "1", "value_smaller_than_min", "width"),
        ({"2": save(["9", 0])}, "2", "exception_during_validation", "'9'"),
        ({**image(), "2": save(["1", 5])}, "2", "exception_during_validation", "tuple index out of range"),
        ({**image(), "2": save(["1"])}, "2", "bad_linked_input", "images"),
        (CIRCLE, "1", "dependency_cycle", "1 (LabError) -> 1 (LabError)"),
        (
            {"1": LATENT, "2": save(["1", 0])},
            "2",
            "return_type_mismatch",
            "images, received_type(LATENT) mismatch input_type(IMAGE)",
        ),
        (
            {"1": {"class_type": "LoadImage", "inputs": {"image": "no.png"}}, "2": save(["1", 0])},
            "1",
            "custom_validation_failed",
            "image - Invalid image file: no.png",
        ),
        (
            {"1": CHECKPOINT, "3": {"class_type": "VAEDecode", "inputs": {"vae": ["1", 2]}}, "2": save(["3", 0])},
            "1",
            "value_not_in_list",
            "ckpt_name: 'nope.safetensors' not in ['madsea.safetensors', 'labo.safetensors']",
        ),
        (
            {"1": {"class_type": "EmptyImage"}, "2": save(["1", 0])},
            "1",
            "exception_during_inner_validation",
            "'inputs'",
        ),
    ],
)
async def test_an_invalid_node_is_told_by_its_id(
    talk: Talk, graph: dict[str, Any], node_id: str, error: str, details: str
) -> None:
    answer = await talk.post(graph)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "prompt_outputs_failed_validation")
    told = answer.json()["node_errors"][node_id]
    assert (told["errors"][0]["type"], told["errors"][0]["details"]) == (error, details)
    assert (told["dependent_outputs"], told["class_type"]) == (["2"], graph[node_id]["class_type"])


async def test_invalid_outputs_beside_a_valid_one_are_dropped_with_a_200(talk: Talk) -> None:
    answer = await talk.post({**image(), "4": save(["9", 0])})
    assert answer.status_code == 200
    assert list(answer.json()["node_errors"]) == ["4"]
    await talk.server.executed(at_least=1)
    assert (await talk.entry(answer.json()["prompt_id"]))["prompt"][4] == ["2"]


async def test_numbers_count_every_post_and_front_negates_them(talk: Talk) -> None:
    wanted: list[dict[str, Any]] = [{}, {"front": True}, {"number": 7.5}, {}]
    assert [(await talk.post(image(), **more)).json()["number"] for more in wanted] == [0, -1, 7.5, 2]
    await talk.post({})
    assert (await talk.post(image())).json()["number"] == 4


async def test_what_waits_is_shown_in_the_order_of_a_heap(talk: Talk) -> None:
    await talk.server.busy_with(1)
    for more in ({}, {"front": True}, {"number": -1000}, {"number": 5000}):
        await talk.begin(image(), **more)
    queue = await talk.get("/queue")
    assert [item[0] for item in queue["queue_running"]] == [0]
    assert [item[0] for item in queue["queue_pending"]] == [-1000, 1, -2, 5000]
    assert await talk.get("/prompt") == {"exec_info": {"queue_remaining": 5}}


async def test_an_id_may_be_used_again_and_history_keeps_the_last(talk: Talk) -> None:
    prompt_id = str(uuid4())
    for _ in range(2):
        await talk.begin(image(), prompt_id=prompt_id)
    assert await talk.server.executed(at_least=2) == [prompt_id, prompt_id]
    assert [entry["prompt"][0] for entry in (await talk.get("/history")).values()] == [1]


async def test_the_same_number_and_id_twice_is_a_500_that_runs(talk: Talk) -> None:
    await talk.server.busy_with(1)
    same = {"prompt_id": str(uuid4()), "number": 1}
    assert [(await talk.post(image(), **same)).status_code for _ in range(2)] == [200, 500]
    await talk.server.release()
    assert (await talk.server.executed(at_least=3))[1:] == [same["prompt_id"]] * 2


async def test_taking_out_of_the_queue_reaches_only_what_waits(talk: Talk) -> None:
    (running,) = await talk.server.busy_with(1)
    waiting = await talk.begin(image())
    for body in ({"delete": [waiting, running, "unknown"]}, {}):
        answer = await talk.http.post("/queue", json=body)
        assert (answer.status_code, answer.content) == (200, b"")
    queue = await talk.get("/queue")
    assert [[item[1] for item in items] for items in queue.values()] == [[running], []]
    assert await talk.get(f"/history/{waiting}") == {}
    assert (await talk.http.get(f"/api/jobs/{waiting}")).status_code == 404
    assert (await talk.http.post("/queue", content="x")).status_code == 500


async def test_an_interrupt_for_another_id_reaches_nobody(talk: Talk) -> None:
    (running,) = await talk.server.busy_with(1)
    waiting = await talk.begin(image())
    for body in ({"prompt_id": waiting}, {"prompt_id": "unknown"}):
        assert (await talk.http.post("/interrupt", json=body)).status_code == 200
    await talk.server.release()
    assert await talk.server.executed(at_least=2) == [running, waiting]


@pytest.mark.parametrize("body", ["", "{}", "garbage"])
async def test_an_interrupt_without_an_id_ends_whatever_runs(talk: Talk, body: str) -> None:
    (foreign,) = await talk.server.busy_with(1)
    await talk.http.post("/interrupt", content=body)
    assert await talk.server.interrupted(at_least=1) == [foreign]


async def test_an_interrupt_of_an_idle_server_is_forgotten(talk: Talk) -> None:
    await talk.http.post("/interrupt")
    assert (await talk.http.post("/interrupt", content="[1]")).status_code == 500
    assert (await talk.run(image()))["status"]["status_str"] == "success"


async def test_a_last_node_that_never_checks_ends_well_after_an_interrupt(talk: Talk) -> None:
    await talk.server.script("success-after-interrupt")
    prompt_id = await talk.begin(image())
    await talk.http.post("/interrupt", json={"prompt_id": prompt_id})
    assert await talk.server.executed(at_least=1) == [prompt_id]
    assert (await talk.entry(prompt_id))["outputs"]["2"]["images"]


async def test_history_pages_from_its_end_or_from_an_offset(talk: Talk) -> None:
    ids = [await talk.begin(image()) for _ in range(3)]
    await talk.server.executed(at_least=3)
    assert list(await talk.get("/history?max_items=2")) == ids[1:]
    assert list(await talk.get("/history?max_items=1&offset=0")) == ids[:1]
    assert (await talk.http.get("/history?max_items=x")).status_code == 500
    assert (await talk.http.post("/history", json={"delete": ids[:1]})).content == b""
    assert list(await talk.get("/api/history")) == ids[1:]
    await talk.http.post("/history", json={"clear": True})
    assert await talk.get("/history") == {}


async def test_failure_and_interruption_differ_only_in_their_last_message(talk: Talk) -> None:
    failed = await talk.run(through("LabError", msg="boom"))
    await talk.server.script("hold")
    interrupted = await talk.begin(slow(), client_id="A")
    await talk.http.post("/interrupt")
    await talk.server.interrupted(at_least=1)
    for entry, last in ((failed, "execution_error"), (await talk.entry(interrupted), "execution_interrupted")):
        assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
        assert entry["status"]["messages"][-1][0] == last
    assert failed["status"]["messages"][-1][1]["exception_message"] == "boom\n"


async def test_jobs_tell_one_status_for_each_prompt(talk: Talk) -> None:
    done = (await talk.run(image()))["prompt"][1]
    failed = (await talk.run(through("LabError", msg="boom")))["prompt"][1]
    (running,) = await talk.server.busy_with(1)
    waiting = await talk.begin(image())
    found = {job["id"]: job["status"] for job in (await talk.get("/api/jobs"))["jobs"]}
    assert found == {done: "completed", failed: "failed", running: "in_progress", waiting: "pending"}
    assert (await talk.get("/api/jobs?status=failed&limit=1"))["pagination"] == {
        "offset": 0,
        "limit": 1,
        "total": 1,
        "has_more": False,
    }
    assert (await talk.get(f"/api/jobs/{done}"))["outputs"]["2"]["images"][0]["filename"] == "lab_00001_.png"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "status=bogus",
            "Invalid status value(s): bogus. Valid values: pending, in_progress, completed, failed, cancelled",
        ),
        ("limit=0", "limit must be a positive integer"),
        ("limit=x", "limit must be an integer"),
        ("sort_by=foo", "sort_by must be 'created_at' or 'execution_duration'"),
    ],
)
async def test_a_bad_question_about_jobs_is_told(talk: Talk, query: str, told: str) -> None:
    answer = await talk.http.get(f"/api/jobs?{query}")
    assert (answer.status_code, answer.json()) == (400, {"error": told})


async def test_canceling_a_job_signals_what_runs_and_takes_out_what_waits(talk: Talk) -> None:
    (running,) = await talk.server.busy_with(1)
    waiting = await talk.begin(image())
    told = [await talk.http.post(f"/api/jobs/{one}/cancel") for one in (waiting, running, "unknown")]
    assert [answer.json()["cancelled"] for answer in told] == [True, True, False]
    assert await talk.server.interrupted(at_least=1) == [running]
    assert (await talk.get(f"/api/jobs/{running}"))["status"] == "cancelled"
    bad = await talk.http.post("/api/jobs/cancel", json={"job_ids": [running, "x"]})
    assert (bad.status_code, bad.json()["invalid_ids"]) == (400, ["x"])
