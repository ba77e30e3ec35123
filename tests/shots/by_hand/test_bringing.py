"""Pictures that people bring for shots: told apart by the names of their files, or brought to a shot."""

import asyncio
from typing import Any

import pytest

from tests.api_v1.calling import told
from tests.providers.drawing import encoded, plain
from tests.shots.by_hand.bringing import KEY, UNKNOWN, name, payload, post, shots, started, status, submit, upload
from tests.studio import Client
from tests.uploads import sending
from tests.uploads.sending import OTHER, keys_in, known_keys, padded, settled

pytestmark = pytest.mark.asyncio(loop_scope="module")

JPEG = encoded(plain(9, 7), "JPEG")
MATCH = """query($names: [String!]!, $batch: ID) { matchShotFiles(fileNames: $names, batchId: $batch) {
    fileName match shot { plan } problem
} }"""


async def match(client: Client, *names: str, **of: Any) -> Any:
    answer = await post(client, "/match", {"file_names": list(names), **of})
    assert answer.status_code == 200, answer.text
    return answer.json()["files"]


@pytest.mark.parametrize("by_batch", [True, False])
async def test_a_file_is_brought_to_the_shot_that_its_name_says(client: Client, *, by_batch: bool) -> None:
    batch_id = await started(client)
    given: dict[str, Any] = {"batchId": batch_id} if by_batch else {}
    shot = await submit(client, name("0020"), **given)
    assert (shot["plan"], shot["status"], shot["batch"]["id"]) == ("0020", "DONE", batch_id)
    assert shot["image"]["fileName"] == shot["fileName"] == name("0020")
    of: dict[str, Any] = {"batch_id": batch_id} if by_batch else {"project_id": client.key.projectSlug}
    answer = await upload(client, name("0030"), **of)
    assert [one["plan"] for one in answer.json()["results"]] == ["0020", "0030"]


async def test_whatever_a_file_is_called_it_is_the_picture_of_the_shot_it_is_brought_to(client: Client) -> None:
    batch_id = await started(client)
    there = await shots(client, batch_id)
    shot = await submit(client, "../../etc/passwd", shotId=there["0010"]["id"])
    assert (shot["fileName"], shot["status"]) == (name(), "DONE")
    answer = await upload(client, "IMG 1234.JPG", JPEG, batch_id=batch_id, sequence_id="SQ0010", plan="0020")
    assert [one["name"] for one in answer.json()["results"]] == [name(), name("0020", ext="jpg")]
    other = await submit(client, name("0020"), shotId=there["0030"]["id"])
    assert other["code"] == "CONFLICT"
    assert "another shot" in other["message"]


async def test_names_are_told_apart_before_anything_is_sent(client: Client) -> None:
    batch_id = await started(client)
    twin = await started(client, 1)
    await upload(client, name("0020"), batch_id=batch_id)
    names = (name(version=3), name("0020"), name("0030"), name("0990"), "cat.png", name(), name(version=2))
    found = await match(client, *names)
    expected = ["ambiguous", "missing", "matched", "missing", "missing", "matched", "matched"]
    assert [one["match"] for one in found] == expected
    assert found[2] == {
        "file_name": name("0030"), "match": "matched", "sequence_id": "SQ0010", "plan": "0030", "problem": None,
    }  # fmt: skip
    assert all(one["problem"] for one in found if one["match"] != "matched")
    (alone,) = await match(client, name(), batch_id=twin)
    assert alone["match"] == "colliding"  # it is due as the second version there
    same = await match(client, name("0030"), name("0030"), batch_id=batch_id)
    assert [one["match"] for one in same] == ["colliding", "colliding"]
    by_graphql = (await client.ask(MATCH, names=[name("0030")], batch=batch_id))["matchShotFiles"]
    assert by_graphql[0]["match"] == "MATCHED"


async def test_what_has_no_one_shot_is_refused_and_nothing_of_it_is_stored(client: Client) -> None:
    batch_id = await started(client)
    await started(client, 1)
    refusals: list[tuple[str, dict[str, Any], int, str]] = [
        (name(version=3), {}, 409, "CONFLICT"),
        (name("0990"), {"batch_id": batch_id}, 404, "SHOT_NOT_FOUND"),
        (name("0010", episode="E203"), {"batch_id": batch_id}, 404, "SHOT_NOT_FOUND"),
        ("cat.png", {"batch_id": batch_id}, 404, "SHOT_NOT_FOUND"),
        (name("0020"), {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010"}, 409, "CONFLICT"),
        (name(), {"batch_id": UNKNOWN}, 404, "BATCH_NOT_FOUND"),
        (name(), {"project_id": "nowhere"}, 404, "PROJECT_NOT_FOUND"),
        (name(), {"batch_id": batch_id, "project_id": client.key.projectId}, 400, "VALIDATION_ERROR"),
        (name(), {"sequence_id": "SQ0010", "plan": "0010"}, 400, "VALIDATION_ERROR"),
    ]
    for file_name, of, status_code, code in refusals:
        before = keys_in(client.parts)
        answer = await upload(client, file_name, **of)
        assert told(answer)[:2] == (status_code, code), (file_name, of)
        assert keys_in(client.parts) == before


@pytest.mark.parametrize(
    "file_name",
    ["../../etc/passwd", f"..\\{name()}", f" {name()}", name().lower(), f"{name()}.exe", name(version=0), "x" * 300,
     name().replace("0010-", "0010\u2212"), name()[:-4], "кот.png", "@last", f"{name()}\u202e", "CON.png"],
)  # fmt: skip
async def test_hostile_names_are_nobodys(client: Client, file_name: str) -> None:
    batch_id = await started(client, 1)
    before = keys_in(client.parts)
    answer = await upload(client, file_name, batch_id=batch_id)
    assert told(answer)[0] in {400, 404}
    assert keys_in(client.parts) == before
    (found,) = await match(client, file_name, batch_id=batch_id)
    assert found["match"] == "missing"


async def test_a_name_must_say_what_the_picture_is(client: Client) -> None:
    batch_id = await started(client)
    answer = await upload(client, name(), JPEG, batch_id=batch_id)
    assert told(answer) == (400, "VALIDATION_ERROR", "file")
    assert ".jpg" in answer.json()["error"]["message"]
    assert told(await upload(client, name(), b"<html></html>", batch_id=batch_id))[:2] == (400, "VALIDATION_ERROR")
    assert await settled(client.parts) == await known_keys(client.parts)
    assert (await upload(client, name(ext="jpg"), JPEG, batch_id=batch_id)).status_code == 200


async def test_versions_only_grow(client: Client) -> None:
    batch_id = await started(client, 1)
    assert (await submit(client, name(version=3), batchId=batch_id))["fileName"] == name(version=3)
    again = await post(client, "/retry", {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010"})
    assert again.status_code == 200
    (found,) = await match(client, name(version=2), batch_id=batch_id)
    assert (found["match"], "version 3 is there already" in found["problem"]) == ("colliding", True)
    assert (await submit(client, name(version=4), batchId=batch_id))["status"] == "DONE"
    late = await submit(client, name(version=5), batchId=batch_id)
    assert (late["code"], "retry the shot first" in late["message"]) == ("SHOT_NOT_FOUND", True)


async def test_a_repeat_gets_the_first_answer(client: Client) -> None:
    batch_id = await started(client)
    first, again = [await upload(client, name(), headers=KEY, batch_id=batch_id) for _ in range(2)]
    assert (again.status_code, again.content) == (200, first.content)
    assert told(await upload(client, name(), OTHER, KEY, batch_id=batch_id))[:2] == (409, "CONFLICT")
    key: dict[str, Any] = {"clientMutationId": "fedcba9876543210", "batchId": batch_id}
    one, two = [await submit(client, name("0020"), **key) for _ in range(2)]
    assert one == two
    assert one["status"] == "DONE"
    assert await settled(client.parts) == await known_keys(client.parts)


async def test_of_two_who_bring_the_same_one_is_told_so(client: Client) -> None:
    batch_id = await started(client, 1)
    answers = await asyncio.gather(*(upload(client, name(), batch_id=batch_id) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
    assert len((await status(client, batch_id))["results"]) == 1
    assert await settled(client.parts) == await known_keys(client.parts)


async def test_a_shots_picture_may_be_larger_than_others(client: Client) -> None:
    batch_id = await started(client, 1)
    large = padded(20 * 1024 * 1024)
    alone = await client.http.post("/api/v1/images/upload", files={"file": ("a.png", large, "image/png")})
    assert told(alone) == (400, "VALIDATION_ERROR", "file")
    other = {"query": sending.UPLOAD, "variables": {"input": {"file": None}}}
    sent = await sending.send_form(client, other, {"0": ["variables.input.file"]}, {"0": ("a.png", large)})
    assert (sent.status_code, sent.json()["errors"][0]["message"]) == (400, "File too large")
    assert (await submit(client, name(), large, batchId=batch_id))["status"] == "DONE"
    second = await started(client, 1)
    assert (await upload(client, name(version=2), large, batch_id=second)).status_code == 200


async def test_beyond_its_limit_it_is_refused(client: Client) -> None:
    batch_id = await started(client, 1)
    uploads = client.parts.studio.uploads
    before, uploads.shot_bytes = uploads.shot_bytes, 7_000_000
    try:
        for data in (padded(7_000_001), padded(20_000_000)):
            assert told(await upload(client, name(), data, batch_id=batch_id)) == (400, "VALIDATION_ERROR", "file")
            assert (await submit(client, name(), data, batchId=batch_id))["message"] == "File too large"
    finally:
        uploads.shot_bytes = before


async def test_more_large_pictures_than_are_held_at_once_wait_for_their_turn(client: Client) -> None:
    batch_id = await started(client, 6)
    large = padded(6 * 1024 * 1024)
    plans = [f"{10 * n:04}" for n in range(1, 7)]
    answers = await asyncio.gather(*(upload(client, name(plan), large, batch_id=batch_id) for plan in plans))
    assert {answer.status_code for answer in answers} == {200}
    assert (await status(client, batch_id))["status"] == "done"


async def test_a_source_is_brought_to_its_plan(client: Client) -> None:
    batch_id = await started(client, 2)
    raw = name(task="extracted-raw")
    shot = await submit(client, raw, batchId=batch_id)
    assert (shot["status"], shot["sourceImage"]["fileName"]) == ("WAITING", raw)
    assert (await submit(client, raw, batchId=batch_id))["code"] == "CONFLICT"
    newer = await submit(client, name(task="extracted-raw", version=2), batchId=batch_id)
    assert newer["sourceImage"]["fileName"] == name(task="extracted-raw", version=2)


async def test_a_picture_that_is_uploaded_as_a_source_is_its_plans(client: Client) -> None:
    raw = name(task="extracted-raw", version=2)
    image = await sending.upload(client, name=raw)
    assert raw in image["cdnUrl"]
    files = {"file": (raw, OTHER, "image/png")}
    before = keys_in(client.parts)
    again = await client.http.post("/api/v1/images/upload", files=files)
    assert told(again) == (409, "CONFLICT", "file")
    for version in (1, 2):
        refused = await submit_upload(client, name(task="extracted-raw", version=version))
        assert refused["extensions"]["code"] == "CONFLICT"
    assert keys_in(client.parts) == before
    assert (await sending.upload(client, name=name()))["cdnUrl"].endswith(".png") is False
    problems = await post(client, "?dry_run=true", payload(client))
    assert problems.json()["file_names"][0] == name()
    batch_id = await started(client, 1)
    later = await submit(client, name(task="extracted-raw", version=3), batchId=batch_id)
    assert later["sourceImage"]["fileName"] == name(task="extracted-raw", version=3)


async def submit_upload(client: Client, file_name: str) -> Any:
    operations = {"query": sending.UPLOAD, "variables": {"input": {"file": None}}}
    files = {"0": (file_name, OTHER)}
    answer = await sending.send_form(client, operations, {"0": ["variables.input.file"]}, files)
    return answer.json()["errors"][0]


async def test_other_names_of_uploads_change_nothing(client: Client) -> None:
    for file_name in (name(), "E202_SQ0010-0010_extracted-raw_v1.png", "cat.png"):
        image = await sending.upload(client, name=file_name)
        assert file_name not in image["cdnUrl"]
    files = {"file": (name(task="extracted-raw", ext="jpg"), OTHER, "image/png")}
    assert told(await client.http.post("/api/v1/images/upload", files=files)) == (400, "VALIDATION_ERROR", "file")
