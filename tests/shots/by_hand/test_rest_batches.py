"""`/api/generate_ai_concept`, by the specification's own example and its neighbours; pictures are brought by hand."""

import re
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import text

from tests.api_v1.calling import key_of, told
from tests.shots.by_hand.bringing import KEY, PREFIX, UNKNOWN, name, payload, post, shots, started, status, upload
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIVE = ["status", "batch_id", "logs", "progress", "results"]


async def test_the_specifications_payload_starts_a_batch(client: Client) -> None:
    answer = await post(client, body=payload(client))
    body = answer.json()
    assert (answer.status_code, list(body)) == (202, FIVE)
    assert (body["status"], body["progress"], body["results"], body["logs"]) == ("started", 0, [], [])
    there = await client.http.get(answer.headers["location"])
    assert there.json() == body
    assert (await client.http.head(answer.headers["location"])).status_code == 200


async def test_the_project_is_named_by_its_slug_or_its_id_or_by_the_key(client: Client, spy: Client) -> None:
    for project in (client.key.projectSlug, client.key.projectId, client.key.projectId.upper(), None):
        assert (await post(client, body=payload(client, project_id=project))).status_code == 202
    for project in ("nowhere", UNKNOWN, "x" * 300):
        refused = await post(client, body=payload(client, project_id=project))
        assert told(refused) == (404, "PROJECT_NOT_FOUND", "project_id")
    assert told(await post(client, body=payload(client, project_id=7))) == (400, "VALIDATION_ERROR", "project_id")
    assert told(await post(spy, body=payload(client)))[0] == 404


async def test_a_dry_run_tells_names_and_problems_and_starts_nothing(client: Client) -> None:
    answer = await post(client, "?dry_run=true", payload(client))
    assert (answer.status_code, list(answer.json())) == (200, ["file_names", "problems", "quote"])
    assert answer.json()["file_names"] == [name("0010"), name("0020"), name("0030")]
    assert (answer.json()["problems"], answer.json()["quote"]) == ([], "0")
    wrong = payload(client, sequences=[{"sequence_id": "sq0010", "plans": ["0010"]}])
    problems = (await post(client, "?dry_run=true", wrong)).json()["problems"]
    assert [one["code"] for one in problems] == ["NOMENCLATURE_INVALID"]
    assert "write SQ0010" in problems[0]["message"]
    refused = await post(client, body=wrong)
    assert told(refused)[:2] == (400, "NOMENCLATURE_INVALID")
    assert refused.json()["error"]["problems"]
    unknown = payload(client, mode="auto", style="unheard-of")
    assert (await post(client, "?dry_run=true", unknown)).json()["problems"][0]["code"] == "ASSET_NOT_FOUND"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"prompt": "x"}, "prompt"),
        ({"workflowJson": "x"}, "workflowJson"),
        ({"mode": "automatic"}, "mode"),
        ({"mode": ["auto"]}, "mode"),
        ({"season": None}, "season"),
        ({"style": ""}, "style"),
        ({"workflow_json": ""}, "workflow_json"),
        ({"max_credits": -1}, "max_credits"),
        ({"max_credits": "many"}, "max_credits"),
        ({"params": []}, "params"),
        ({"sequences": {}}, "sequences"),
        ({"sequences": [{"sequence_id": "SQ0010"}]}, "sequences"),
        ({"sequences": [{"sequence_id": "SQ0010", "plans": ["0010"], "shots": []}]}, "sequences[0].shots"),
    ],
)
async def test_what_is_wrong_is_named_as_it_is_written(client: Client, given: dict[str, Any], field: str) -> None:
    assert told(await post(client, body=payload(client, **given))) == (400, "VALIDATION_ERROR", field)


async def test_the_same_key_gets_the_same_bytes(client: Client) -> None:
    first, again = [await post(client, body=payload(client), headers=KEY) for _ in range(2)]
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["location"] == first.headers["location"]
    other = await post(client, body=payload(client, 2), headers=KEY)
    assert told(other) == (409, "CONFLICT", "Idempotency-Key")


async def test_progress_and_results_come_as_pictures_are_brought(client: Client) -> None:
    batch_id = await started(client)
    assert (await upload(client, name("0020"), batch_id=batch_id)).status_code == 200
    body = await status(client, batch_id)
    assert (body["status"], body["progress"]) == ("running", 33.3)
    (result,) = body["results"]
    assert {**result, "url": None} == {
        "sequence_id": "SQ0010", "plan": "0020", "name": name("0020"), "path": f"S02/E202/SQ0010/{name('0020')}",
        "url": None, "version": 1, "width": 12, "height": 8, "mime_type": "image/png",
    }  # fmt: skip
    assert (await client.http.get(result["url"])).headers["content-type"] == "image/png"
    for plan in ("0010", "0030"):
        body = (await upload(client, name(plan), batch_id=batch_id)).json()
    assert (body["status"], body["progress"]) == ("done", 100)
    assert [one["plan"] for one in body["results"]] == ["0010", "0020", "0030"]
    assert [(one["level"], one["plan"]) for one in body["logs"]] == [("info", one) for one in ("0020", "0010", "0030")]
    assert list(body["logs"][0]) == ["id", "at", "level", "message", "shot_id", "sequence_id", "plan"]


async def test_a_shot_is_repeated_as_the_next_version_and_keeps_what_it_has(client: Client) -> None:
    batch_id = await started(client, 1)
    await upload(client, name(), batch_id=batch_id)
    shot = {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010"}
    again = await post(client, "/retry", shot)
    assert (again.status_code, again.json()["status"]) == (200, "running")
    await upload(client, name(version=2), batch_id=batch_id)
    assert [one["name"] for one in (await status(client, batch_id))["results"]] == [name(), name(version=2)]
    for body in ({"batch_id": batch_id}, {"batch_id": batch_id, "sequence_id": "SQ0010"}):
        assert told(await post(client, "/retry", body))[:2] == (409, "CONFLICT")


async def test_a_shot_or_a_whole_batch_is_called_off(client: Client) -> None:
    batch_id = await started(client)
    one = {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010"}
    assert (await post(client, "/cancel", one)).json()["status"] == "running"
    assert [shot["status"] for shot in (await shots(client, batch_id)).values()] == ["CANCELED", "WAITING", "WAITING"]
    for _ in range(2):
        body = (await post(client, "/cancel", {"batch_id": batch_id})).json()
        assert (body["status"], body["progress"]) == ("canceled", 100)


async def test_what_a_batch_is_not_ready_for_is_refused(client: Client) -> None:
    batch_id = await started(client, 1)
    shot = {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010"}
    assert told(await post(client, "/retry", shot)) == (409, "CONFLICT", None)
    assert told(await post(client, "/mode", {**shot, "mode": "auto"})) == (400, "VALIDATION_ERROR", "mode")
    assert (await post(client, "/mode", {**shot, "mode": "manuel"})).status_code == 200
    assert told(await post(client, "/resume", {"batch_id": batch_id, "max_credits": "5"}))[:2] == (409, "CONFLICT")


async def test_nothing_is_found_that_is_not_there_or_somebody_elses(client: Client, spy: Client) -> None:
    batch_id = await started(client, 1)
    for caller, id_ in ((client, UNKNOWN), (client, "x"), (spy, batch_id)):
        for path in ("/retry", "/cancel", "/resume"):
            assert told(await post(caller, path, {"batch_id": id_}))[:2] == (404, "BATCH_NOT_FOUND"), path
        for path in ("/status", "/pictures.zip", "/manifest.csv"):
            answer = await caller.http.get(f"{PREFIX}{path}", params={"batch_id": id_})
            assert told(answer)[:2] == (404, "BATCH_NOT_FOUND"), path
    assert told(await post(client, "/cancel", {})) == (400, "VALIDATION_ERROR", "batch_id")
    unknown = {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0990"}
    assert told(await post(client, "/retry", unknown))[:2] == (404, "SHOT_NOT_FOUND")
    assert told(await post(client, "/retry", {"batch_id": batch_id, "plan": "0010"})) == (
        400, "VALIDATION_ERROR", "sequence_id",
    )  # fmt: skip
    assert told(await post(client, "/cancel", {"batch_id": batch_id, "why": "x"})) == (400, "VALIDATION_ERROR", "why")


async def test_whoever_may_only_look_changes_nothing(client: Client) -> None:
    batch_id = await started(client, 1)
    reader = await key_of(client, scopes=["images:read"], projectId=client.key.projectId)
    there = await client.http.get(f"{PREFIX}/status", params={"batch_id": batch_id}, headers=reader)
    assert there.status_code == 200
    for path, body in (("", payload(client)), ("/retry", {"batch_id": batch_id}), ("/cancel", {"batch_id": batch_id})):
        assert told(await post(client, path, body, headers=reader))[:2] == (403, "FORBIDDEN"), path
    assert told(await upload(client, name(), headers=reader, batch_id=batch_id))[:2] == (403, "FORBIDDEN")
    blind = await key_of(client, scopes=["runs:start", "steps:submit"], projectId=client.key.projectId)
    assert told(await post(client, body=payload(client), headers=blind))[:2] == (403, "FORBIDDEN")


async def test_logs_are_read_page_by_page_in_both_directions(client: Client) -> None:
    batch_id = await started(client, 5)
    for plan in ("0010", "0020", "0030", "0040", "0050"):
        await upload(client, name(plan), batch_id=batch_id)
    every = (await status(client, batch_id))["logs"]
    assert len(every) == 5
    first = await client.http.get(f"{PREFIX}/status", params={"batch_id": batch_id, "logs_limit": 2})
    assert first.json()["logs"] == every[3:]
    assert list(_links(first)) == ["prev"]
    older = await client.http.get(_links(first)["prev"])
    assert (older.json()["logs"], list(_links(older))) == (every[1:3], ["prev", "next"])
    oldest = await client.http.get(_links(older)["prev"])
    assert (oldest.json()["logs"], list(_links(oldest))) == (every[:1], ["next"])
    assert (await client.http.get(_links(older)["next"])).json()["logs"] == every[3:]
    assert (await status(client, batch_id, logs_after=every[-1]["id"]))["logs"] == []
    for wrong in ({"logs_limit": 0}, {"logs_limit": 501}, {"logs_after": "x"}, {"logs": 1}):
        refused = await client.http.get(f"{PREFIX}/status", params={"batch_id": batch_id, **wrong})
        assert told(refused) == (400, "VALIDATION_ERROR", next(iter(wrong)))


async def test_pictures_are_read_page_by_page(client: Client) -> None:
    batch_id = await started(client)
    for plan in ("0010", "0020", "0030"):
        await upload(client, name(plan), batch_id=batch_id)
    shot = {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010"}
    assert (await post(client, "/retry", shot)).status_code == 200
    await upload(client, name(version=2), batch_id=batch_id)
    every = (await status(client, batch_id))["results"]
    assert [one["name"] for one in every] == [name(), name(version=2), name("0020"), name("0030")]
    found = page = (await status(client, batch_id, results_limit=3))["results"]
    while len(page) == 3:
        page = (await status(client, batch_id, results_limit=3, results_after=page[-1]["name"]))["results"]
        found += page
    assert found == every
    assert (await status(client, batch_id, results_after=name("0030")))["results"] == []
    first = await client.http.get(
        f"{PREFIX}/status",
        params={"batch_id": batch_id, "logs_limit": 1, "results_limit": 1, "results_after": name()},
    )
    older = (await client.http.get(_links(first)["prev"])).json()
    assert older["results"] == first.json()["results"] == every[1:2]
    other = await started(client, 1, episode="E203")
    for wrong in ({"results_limit": 0}, {"results_limit": 2_001}, {"results_after": "x"}, {"results_after": ""}):
        refused = await client.http.get(f"{PREFIX}/status", params={"batch_id": batch_id, **wrong})
        assert told(refused) == (400, "VALIDATION_ERROR", next(iter(wrong)))
    elsewhere = await client.http.get(f"{PREFIX}/status", params={"batch_id": other, "results_after": name()})
    assert told(elsewhere) == (400, "VALIDATION_ERROR", "results_after")


def _links(answer: Any) -> dict[str, str]:
    return {rel: url for url, rel in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("link", ""))}


_PICTURED = text("""
    UPDATE shot_files SET image_id = (SELECT id FROM images ORDER BY id DESC LIMIT 1)
    WHERE shot_id IN (SELECT id FROM shots WHERE batch_id = :batch_id)
""")


@pytest.mark.slow
async def test_two_thousand_shots_are_told_within_a_moment(client: Client) -> None:
    plans = [f"{n:04}" for n in range(1, 2_001)]
    batch_id = await started(client, sequences=[{"sequence_id": "SQ0010", "plans": plans}])
    await upload(client, name("0010"), batch_id=batch_id)
    async with client.parts.engine.begin() as connection:
        await connection.execute(_PICTURED, {"batch_id": batch_id})
    took = []
    for _ in range(5):
        before = perf_counter()
        assert len((await status(client, batch_id))["results"]) == 2_000
        took.append(perf_counter() - before)
    assert min(took) < 0.3, took
    one = await client.http.get(f"{PREFIX}/status", params={"batch_id": batch_id, "results_limit": 1})
    assert (len(one.json()["results"]), len(one.content) < 2_000) == (1, True)
