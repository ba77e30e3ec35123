"""Generations at `/api/v1/generations`: what is asked for, waited for, made again in its place."""

import asyncio
from typing import Any

import pytest

from tests.api_v1.calling import KEY, UNKNOWN, a_flow, call, get, made, told
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASYNC = {"Prefer": "respond-async"}
FIELDS = [
    "id", "projectId", "prompt", "originalPrompt", "autoEnhance", "aspectRatio", "status", "outputImageId",
    "outputImage", "referenceImages", "flowId", "processingTimeMs", "cost", "retryCount", "errorMessage", "meta",
    "createdAt", "updatedAt", "deletedAt",
]  # fmt: skip


async def ids(client: Client, **query: Any) -> list[str]:
    return [one["id"] for one in (await get(client, "/generations", **query))["data"]]


async def test_the_first_example_of_the_manual_works_as_it_stands(client: Client) -> None:
    asked = {
        "prompt": "A majestic eagle soaring over snow-capped mountains",
        "aspectRatio": "16:9",
        "alias": "@eagle-hero",
        "flowAlias": "@hero",
        "autoEnhance": True,
        "meta": {"tags": ["demo", "nature"]},
    }
    answer = await call(client, "POST", "/generations", asked)
    done = answer.json()
    assert (answer.status_code, done["status"]) == (201, "success")
    assert answer.headers["location"] == f"{client.url}/api/v1/generations/{done['id']}"
    assert list(done) == FIELDS
    assert (done["projectId"], done["originalPrompt"]) == (client.key.projectId, asked["prompt"])
    assert done["prompt"] != done["originalPrompt"]
    assert (done["autoEnhance"], done["aspectRatio"], done["meta"]) == (True, "16:9", asked["meta"])
    assert (done["cost"], done["retryCount"], done["errorMessage"], done["referenceImages"]) == (None, 0, None, [])
    assert done["processingTimeMs"] > 0

    image = done["outputImage"]
    assert image == await get(client, f"/images/{done['outputImageId']}")
    assert (image["alias"], image["generationId"], image["flowId"]) == ("@eagle-hero", done["id"], done["flowId"])
    assert round(image["width"] / image["height"], 1) == 1.8
    assert image["apiKeyId"]
    flow = await get(client, f"/flows/{done['flowId']}")
    assert (flow["aliases"], flow["generationCount"], flow["imageCount"]) == ({"@hero": image["id"]}, 1, 1)
    assert await get(client, f"/generations/{done['id']}") == done


async def test_without_enhancement_the_prompt_is_drawn_as_it_is(client: Client) -> None:
    done = await made(client, "a cat")
    assert (done["prompt"], done["originalPrompt"], done["autoEnhance"]) == ("a cat", "a cat", False)


@pytest.mark.parametrize("more", [{"template": "comic"}, {"enhancementOptions": {"template": "comic"}}])
async def test_the_template_may_be_named_here_or_there(client: Client, more: dict[str, Any]) -> None:
    answer = await call(client, "POST", "/generations", {"prompt": "a cat", **more}, headers=ASYNC)
    assert answer.status_code == 201


@pytest.mark.parametrize(("preference", "applied"), [("respond-async", "respond-async"), ("wait=0", None)])
async def test_who_prefers_not_to_wait_gets_it_as_it_is(client: Client, preference: str, applied: str | None) -> None:
    answer = await call(client, "POST", "/generations", {"prompt": "a cat"}, headers={"Prefer": preference})
    assert (answer.status_code, answer.headers.get("preference-applied")) == (201, applied)
    asked = answer.json()
    assert (asked["status"], asked["outputImageId"], asked["outputImage"]) == ("pending", None, None)
    again = await call(client, "POST", f"/generations/{asked['id']}/regenerate", headers={"Prefer": "wait=30"})
    assert (again.status_code, again.headers["preference-applied"]) == (200, "wait=30")
    assert (again.json()["status"], again.json()["retryCount"]) == ("success", 1)


@pytest.mark.parametrize(("body", "refusal", "message"), [
    ({}, (400, "VALIDATION_ERROR", "prompt"), "Prompt is required"),
    ({"prompt": None}, (400, "VALIDATION_ERROR", "prompt"), "Prompt is required"),
    ({"prompt": "  "}, (400, "VALIDATION_ERROR", "prompt"), "Prompt is required"),
    ({"prompt": 7}, (400, "VALIDATION_ERROR", "prompt"), None),
    ({"prompt": "x" * 4_001}, (400, "VALIDATION_ERROR", "prompt"), None),
    ({"prompt": "\x00"}, (400, "VALIDATION_ERROR", "prompt"), None),
    ({"prompt": "x", "aspectRatio": "7:5"}, (400, "VALIDATION_ERROR", "aspectRatio"), "Invalid aspect ratio"),
    ({"prompt": "x", "alias": "hero"}, (400, "ALIAS_INVALID", "alias"), "alias_format_check"),
    ({"prompt": "x", "alias": "@last"}, (400, "ALIAS_RESERVED", "alias"), None),
    ({"prompt": "x", "flowAlias": "@a", "flowId": None}, (400, "VALIDATION_ERROR", "flowAlias"), None),
    ({"prompt": "x", "flowId": "nonsense"}, (400, "VALIDATION_ERROR", "flowId"), None),
    ({"prompt": "x", "template": "baroque"}, (400, "VALIDATION_ERROR", "template"), None),
    ({"prompt": "x", "enhancementOptions": {"x": 1}}, (400, "VALIDATION_ERROR", "enhancementOptions"), None),
    ({"prompt": "x", "referenceImages": ["@nobody"]}, (404, "ALIAS_NOT_FOUND", "referenceImages"), None),
    ({"prompt": "x", "referenceImages": [UNKNOWN]}, (404, "IMAGE_NOT_FOUND", "referenceImages"), None),
    ({"prompt": "x", "referenceImages": "@a"}, (400, "VALIDATION_ERROR", "referenceImages"), None),
    ({"prompt": "x", "referenceImages": ["@a"] * 9}, (400, "VALIDATION_ERROR", "referenceImages"), None),
    ({"prompt": "x", "autoEnhance": "yes"}, (400, "VALIDATION_ERROR", "autoEnhance"), None),
    ({"prompt": "x", "meta": {"a": "\x00"}}, (400, "VALIDATION_ERROR", "meta"), None),
    ({"prompt": "x", "projectId": 7}, (400, "VALIDATION_ERROR", "projectId"), None),
    ({"prompt": "x", "n": 2}, (400, "VALIDATION_ERROR", "n"), None),
])  # fmt: skip
async def test_what_cannot_be_is_refused(
    client: Client, body: dict[str, Any], refusal: tuple[int, str, str], message: str | None
) -> None:
    answer = await call(client, "POST", "/generations", body)
    assert told(answer) == refusal
    assert message in {None, answer.json()["error"]["message"]}
    assert await ids(client, includeDeleted="true") == []


async def test_regeneration_keeps_ids_and_addresses_and_changes_the_bytes(client: Client) -> None:
    first = await made(client)
    for path, body in (("regenerate", None), ("retry", None), ("regenerate", {})):
        answer = await call(client, "POST", f"/generations/{first['id']}/{path}", body)
        again = answer.json()
        assert (answer.status_code, again["status"]) == (200, "success")
        kept = ("id", "storageKey", "storageUrl", "fileName")
        assert [again["outputImage"][name] for name in kept] == [first["outputImage"][name] for name in kept]
        assert again["outputImage"]["fileHash"] != first["outputImage"]["fileHash"]
    assert again["retryCount"] == 3
    refused = await call(client, "POST", f"/generations/{first['id']}/regenerate", {"prompt": "other"})
    assert told(refused) == (400, "VALIDATION_ERROR", "prompt")


async def test_retry_says_what_has_taken_its_place(client: Client) -> None:
    done = await made(client)
    headers = {"Content-Type": "application/json"}
    retried = await call(client, "POST", f"/generations/{done['id'].upper()}/retry", headers=headers)
    assert (retried.status_code, retried.headers["deprecation"]) == (200, "@1763856000")
    assert retried.headers["link"] == f'</api/v1/generations/{done["id"]}/regenerate>; rel="successor-version"'


async def test_only_another_prompt_or_ratio_makes_the_image_again(client: Client) -> None:
    done = await made(client)
    path = f"/generations/{done['id']}"
    same = await call(client, "PUT", path, {"meta": {"a": 1}, "prompt": done["originalPrompt"]})
    assert (same.status_code, same.json()["meta"], same.json()["retryCount"]) == (200, {"a": 1}, 0)
    assert same.json()["outputImage"] == done["outputImage"]
    moved = (await call(client, "PUT", path, {"flowId": None})).json()
    assert (moved["flowId"], moved["outputImage"]["flowId"], moved["retryCount"]) == (None, None, 0)
    other = (await call(client, "PUT", path, {"prompt": "A blue boat", "aspectRatio": "16:9"})).json()
    assert (other["status"], other["prompt"], other["aspectRatio"]) == ("success", "A blue boat", "16:9")
    assert (other["retryCount"], other["outputImageId"]) == (1, done["outputImageId"])
    assert other["outputImage"]["fileHash"] != done["outputImage"]["fileHash"]
    refused = await call(client, "PUT", path, {"aspectRatio": "7:5"})
    assert refused.json()["error"]["message"] == "Invalid aspect ratio"
    assert "16:9" in refused.json()["error"]["hint"]


async def test_references_are_told_as_they_were_named(client: Client) -> None:
    first = await made(client, alias="@kite")
    second = await made(client, "A boat", referenceImages=["@kite", first["outputImageId"]])
    assert [image["id"] for image in second["referenceImages"]] == [first["outputImageId"]] * 2


async def test_generations_are_listed_by_status_and_flow_and_deleted_ones_when_asked_for(client: Client) -> None:
    first, second = await made(client), await made(client, alias="@kept")
    assert await ids(client) == await ids(client, status="success") == [second["id"], first["id"]]
    assert await ids(client, status="failed") == []
    assert await ids(client, flowId=first["flowId"]) == [first["id"]]
    for one in (first, second):
        gone = await call(client, "DELETE", f"/generations/{one['id']}")
        assert (gone.status_code, gone.json()) == (200, {"id": one["id"], "deleted": True})
        assert told(await call(client, "GET", f"/generations/{one['id']}")) == (404, "GENERATION_NOT_FOUND", None)
        assert told(await call(client, "GET", f"/images/{one['outputImageId']}")) == (404, "IMAGE_NOT_FOUND", None)
    assert (await ids(client), await ids(client, includeDeleted="true")) == ([], [second["id"], first["id"]])
    images = (await get(client, "/images", includeDeleted="true"))["data"]
    assert [(image["id"], image["deletedAt"] is not None) for image in images] == [(second["outputImageId"], True)]
    assert (await call(client, "DELETE", f"/generations/{first['id']}")).status_code == 404


async def test_a_flow_makes_its_newest_generation_again(client: Client) -> None:
    flow = (await a_flow(client))["id"]
    empty = await call(client, "POST", f"/flows/{flow}/regenerate")
    assert told(empty) == (404, "GENERATION_NOT_FOUND", None)
    first, second = [await made(client, prompt, flowId=flow) for prompt in ("A kite", "A boat")]
    again = await call(client, "POST", f"/flows/{flow}/regenerate", {})
    assert (again.status_code, again.json()["id"], again.json()["retryCount"]) == (200, second["id"], 1)
    listed = await get(client, f"/flows/{flow}/generations", limit=1)
    assert [one["id"] for one in listed["data"]] == [second["id"]]
    assert listed["pagination"] == {"limit": 1, "offset": 0, "total": 2, "hasMore": True}
    images = (await get(client, f"/flows/{flow}/images"))["data"]
    assert [image["id"] for image in images] == [second["outputImageId"], first["outputImageId"]]
    told_of = await get(client, f"/flows/{flow}")
    assert (told_of["generationCount"], told_of["imageCount"]) == (2, 2)


async def test_the_same_key_makes_one_generation_and_gets_the_same_bytes(client: Client) -> None:
    asked = {"prompt": "A lighthouse", "alias": "@light"}
    answers = await asyncio.gather(*(call(client, "POST", "/generations", asked, headers=KEY) for _ in range(10)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert await ids(client) == [answers[0].json()["id"]]
    other = await call(client, "POST", "/generations", {"prompt": "Another"}, headers=KEY)
    assert told(other) == (409, "CONFLICT", "Idempotency-Key")
    taken = await call(client, "POST", "/generations", asked)
    assert told(taken) == (409, "ALIAS_CONFLICT", "alias")
    assert taken.json()["error"]["message"] == "Alias already exists"


async def test_another_tenant_touches_no_generation(client: Client, spy: Client) -> None:
    done = await made(client)
    path = f"/generations/{done['id']}"
    for method, where, body in (
        ("GET", path, None),
        ("PUT", path, {"prompt": "mine"}),
        ("DELETE", path, None),
        ("POST", f"{path}/regenerate", None),
        ("POST", f"{path}/retry", None),
    ):
        assert told(await call(spy, method, where, body)) == (404, "GENERATION_NOT_FOUND", None)
    stolen = await call(spy, "POST", "/generations", {"prompt": "x", "referenceImages": [done["outputImageId"]]})
    assert told(stolen) == (404, "IMAGE_NOT_FOUND", "referenceImages")
    assert await get(client, path) == done
