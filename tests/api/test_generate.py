"""`POST /generate`: what programs are answered, at once and later."""

import asyncio
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.api.asking import start
from tests.api.generating import PROMPT, ask_for, ended, job
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = {"Idempotency-Key": "0123456789abcdef"}
ADDRESSES = ["/generate", "/v1/generate"]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_picture_is_promised_at_once_and_there_a_little_later(client: Client, address: str) -> None:
    answer = await client.http.post(address, json={"prompt": PROMPT})
    promised = answer.json()
    assert (answer.status_code, promised["status"], promised["progress"]) == (202, "pending", 0.0)
    assert answer.headers["location"] == promised["statusUrl"] == f"{client.url}/v1/generate/{promised['id']}"
    assert (promised["quote"], promised["assets"], promised["error"]) == ({"total": "0"}, [], None)
    assert promised["traceId"] == answer.headers["x-trace-id"]

    over = await ended(client, promised["id"])
    assert (over["status"], over["progress"], over["prompt"]) == ("success", 1.0, PROMPT)
    (asset,) = over["assets"]
    shown = await client.http.get(asset["url"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, asset["mimeType"])
    assert Image.open(BytesIO(shown.content)).size == (asset["width"], asset["height"])


async def test_what_was_asked_for_is_what_is_made(client: Client) -> None:
    asked: dict[str, Any] = {"aspectRatio": "16:9", "n": 3, "style": "comic", "format": "webp"}
    over = await ended(client, (await ask_for(client, **asked)).json()["id"])
    assert len({asset["id"] for asset in over["assets"]}) == 3
    for asset in over["assets"]:
        assert (asset["mimeType"], round(asset["width"] / asset["height"], 1)) == ("image/webp", 1.8)


async def test_the_same_again_makes_another_picture(client: Client) -> None:
    first, second = [await ended(client, (await ask_for(client)).json()["id"]) for _ in range(2)]
    hashes = {(await client.http.get(over["assets"][0]["url"])).headers["etag"] for over in (first, second)}
    assert len(hashes) == 2


async def test_who_prefers_to_wait_gets_the_finished_thing(client: Client) -> None:
    answer = await ask_for(client, headers={"Prefer": "respond-async, wait=30"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=30")
    assert (answer.json()["status"], len(answer.json()["assets"])) == ("success", 1)
    assert (await job(client, answer.json()["id"])).items() >= {"status": "success"}.items()


@pytest.mark.parametrize(("body", "field"), [
    ({"prompt": ""}, "prompt"),
    ({"prompt": "   "}, "prompt"),
    ({"prompt": None}, "prompt"),
    ({"prompt": 7}, "prompt"),
    ({"prompt": "x" * 4_001}, "prompt"),
    ({"prompt": "\x00"}, "prompt"),
    ({}, "prompt"),
    ({"prompt": PROMPT, "n": 0}, "n"),
    ({"prompt": PROMPT, "n": 9}, "n"),
    ({"prompt": PROMPT, "n": 1.5}, "n"),
    ({"prompt": PROMPT, "n": "1"}, "n"),
    ({"prompt": PROMPT, "n": True}, "n"),
    ({"prompt": PROMPT, "aspectRatio": "7:5"}, "aspectRatio"),
    ({"prompt": PROMPT, "aspect_ratio": "1:1"}, "aspect_ratio"),
    ({"prompt": PROMPT, "style": "cubist"}, "style"),
    ({"prompt": PROMPT, "format": "gif"}, "format"),
    ({"prompt": PROMPT, "projectId": 7}, "projectId"),
    ({"prompt": PROMPT, "clientMutationId": "0123456789abcdef"}, "clientMutationId"),
    ({"prompt": PROMPT, "colour": "red"}, "colour"),
])  # fmt: skip
async def test_what_cannot_be_is_named_and_nothing_begun(client: Client, body: dict[str, Any], field: str) -> None:
    answer = await client.http.post("/generate", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    told = answer.json()
    assert (told["code"], told["field"], told["status"]) == ("VALIDATION_ERROR", field, 400)
    assert (told["title"], told["traceId"]) == ("Bad Request", answer.headers["x-trace-id"])
    assert told["detail"]
    assert (await client.ask("{ project { runs { totalCount } } }"))["project"]["runs"]["totalCount"] == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'"x"', b"null", b"{", b'{"prompt": "\xff"}', b"[" * 50_000])
async def test_a_body_that_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    answer = await client.http.post("/generate", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_only_json_is_taken_so_that_no_foreign_page_can_post(client: Client, kind: str) -> None:
    answer = await client.http.post("/generate", content=b'{"prompt": "x"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_an_hour_allows_so_many_jobs_and_says_so(client: Client) -> None:
    asked = {"name": "Few", "scopes": ["*"], "rateLimitPerHour": 2, "projectId": client.key.projectId}
    made = await client.ask(
        "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }", input=asked
    )
    client.http.headers["x-api-key"] = made["createApiKey"]["secret"]
    first, broken, third = await ask_for(client), await ask_for(client, n=0), await ask_for(client)
    assert [answer.status_code for answer in (first, broken, third)] == [202, 400, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in (first, broken, third)] == ["1", "0", "0"]
    seconds = int(third.headers["retry-after"])
    told = {"code": "RATE_LIMITED", "detail": f"Rate limit exceeded. Try again in {seconds} seconds"}
    assert third.json().items() >= told.items()
    assert (await client.http.get(first.json()["statusUrl"])).status_code == 200


async def test_strangers_get_nothing(client: Client, spy: Client) -> None:
    promised = (await ask_for(client)).json()
    for path in (f"/generate/{promised['id']}", f"/v1/generate/{promised['id']}"):
        answer = await spy.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    project = (await client.ask("{ project { id } }"))["project"]["id"]
    for named in ({"projectId": project}, {}):
        answer = await spy.http.post("/generate", json={"prompt": PROMPT, **named}, headers={"X-Project-Id": project})
        assert (answer.status_code, answer.json()["code"]) == (404, "PROJECT_NOT_FOUND")
    del client.http.headers["x-api-key"]
    answers = [await ask_for(client), await client.http.get(f"/generate/{promised['id']}")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, "UNAUTHENTICATED")] * 2


@pytest.mark.parametrize("id_", ["0", "x" * 300, "%00", "00000000-0000-7000-8000-000000000000", "..%2f"])
async def test_what_is_no_job_is_not_found(client: Client, id_: str) -> None:
    assert (await client.http.get(f"/v1/generate/{id_}")).status_code == 404


async def test_a_run_of_a_workflow_is_no_job(client: Client) -> None:
    started = await start(client)
    assert (await client.http.get(f"/generate/{started['id']}")).status_code == 404


async def test_the_same_key_gets_the_same_bytes_and_one_job(client: Client) -> None:
    first = await ask_for(client, headers=KEY)
    await ended(client, first.json()["id"])
    again = await ask_for(client, headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert (await client.ask("{ project { runs { totalCount } } }"))["project"]["runs"]["totalCount"] == 1

    other = await ask_for(client, headers=KEY, n=2)
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")


async def test_twins_get_the_same_bytes(client: Client) -> None:
    answers = await asyncio.gather(*(ask_for(client, headers=KEY) for _ in range(20)))
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert (await client.ask("{ project { runs { totalCount } } }"))["project"]["runs"]["totalCount"] == 1


async def test_of_twins_with_two_inputs_those_of_one_get_it_and_the_others_a_conflict(client: Client) -> None:
    answers = await asyncio.gather(*(ask_for(client, headers=KEY, n=1 + number % 2) for number in range(30)))
    assert sorted(answer.status_code for answer in answers) == [202] * 15 + [409] * 15
    accepted = {answer.content for answer in answers if answer.status_code == 202}
    assert len(accepted) == 1
    assert {answer.json()["field"] for answer in answers if answer.status_code == 409} == {"Idempotency-Key"}
    again = [await ask_for(client, headers=KEY, n=n) for n in (1, 2)]
    assert sorted(answer.status_code for answer in again) == [202, 409]


async def test_a_key_may_ask_for_nothing_whose_answer_it_could_not_read(client: Client) -> None:
    for scopes in (["runs:start"], ["runs:start", "runs:read"]):
        asked = {"name": "Narrow", "scopes": scopes, "projectId": client.key.projectId}
        made = await client.ask(
            "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }", input=asked
        )
        answer = await ask_for(client, headers={"X-API-Key": made["createApiKey"]["secret"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert (await client.ask("{ project { runs { totalCount } } }"))["project"]["runs"]["totalCount"] == 0


async def test_other_methods_are_problems_too(client: Client) -> None:
    for answer in (await client.http.get("/generate"), await client.http.post("/v1/generate/x")):
        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
        assert answer.headers["allow"]


@pytest.mark.parametrize("key", ["x" * 15, "x" * 256, ""])
async def test_a_key_is_neither_short_nor_long(client: Client, key: str) -> None:
    answer = await ask_for(client, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")
