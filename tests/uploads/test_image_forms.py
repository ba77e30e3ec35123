"""POST /api/v1/images/upload: a picture in a form becomes an image."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.asgi import create_app
from app.parts import Parts
from domain.flows import Flow
from tests.studio import Tenant, tenant
from tests.uploads.sending import OTHER, PICTURE, keys_in, known_keys, padded, settled

PATH = "/api/v1/images/upload"
FIVE_MB = 5 * 1024 * 1024
KEY = {"Idempotency-Key": "a-key-of-16-characters"}
FLOW = "0199a000-0000-7000-8000-000000000001"


@pytest.fixture
async def owner(parts: Parts) -> Tenant:
    return await tenant(parts)


@pytest.fixture
async def http(parts: Parts, owner: Tenant) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks with the application itself."""
    app = create_app(parts)
    headers = {"X-API-Key": owner.key.apiKey, "X-Project-Id": owner.project_id}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://easel.test", headers=headers
    ) as client:
        yield client


async def send(http: httpx2.AsyncClient, data: bytes = PICTURE, /, **fields: Any) -> httpx2.Response:
    return await http.post(PATH, files={"file": ("image.png", data, "image/png")}, data=fields)


def told(answer: httpx2.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["message"], error.get("field")


async def test_a_picture_is_made_an_image_and_answered_with_201(http: httpx2.AsyncClient, owner: Tenant) -> None:
    fields: dict[str, Any] = {
        "alias": "@product-hero",
        "flowId": FLOW,
        "flowAlias": "@front",
        "meta": json.dumps({"by": "Ada"}),
    }
    answer = await send(http, PICTURE, **fields)
    image = answer.json()
    assert (answer.status_code, image["source"]) == (201, "uploaded")
    assert (image["alias"], image["flowId"], image["meta"]) == ("@product-hero", FLOW, {"by": "Ada"})
    assert image["apiKeyId"] == owner.actor.subject
    flow = await owner.parts.studio.reads.one(Flow, owner.actor, id=FLOW)
    assert flow is not None
    assert flow.aliases == {"@front": image["id"]}
    assert keys_in(owner.parts) == await known_keys(owner.parts)


async def test_a_flow_is_named_declined_or_begun(http: httpx2.AsyncClient) -> None:
    assert (await send(http, flowId="null")).json()["flowId"] is None
    assert (await send(http)).json()["flowId"] != (await send(http, flowId="")).json()["flowId"]
    assert (await send(http, flowId=FLOW)).json()["flowId"] == FLOW
    assert told(await send(http, flowId="flow-uuid-here")) == (400, "flowId must be a UUID", "flowId")
    status, _, field = told(await send(http, flowId="null", flowAlias="@a"))
    assert (status, field) == (400, "flowAlias")


async def test_what_is_wrong_with_a_form_is_said_by_name(http: httpx2.AsyncClient, owner: Tenant) -> None:
    assert told(await http.post(PATH, files={"alias": (None, "@a")})) == (400, "File is required", "file")
    assert told(await http.post(PATH, files={"file": (None, "text")})) == (400, "File is required", "file")
    assert told(await send(http, b"")) == (400, "File is required", "file")
    assert told(await send(http, colour="red"))[::2] == (400, "colour")
    assert told(await send(http, alias="hero")) == (400, "alias_format_check", "alias")
    for meta in ("{", "[1]", "1", "x", "[" * 10_000):
        assert told(await send(http, meta=meta)) == (400, "meta must be a JSON object", "meta")
    twice: list[tuple[str, Any]] = [("file", ("a.png", PICTURE)), ("alias", (None, "@a")), ("alias", (None, "@b"))]
    assert told(await http.post(PATH, files=twice)) == (400, "alias is there more than once", "alias")
    assert (await http.post(PATH, json={"file": "x"})).status_code == 415
    assert keys_in(owner.parts) == set()


async def test_forms_beyond_all_measure_are_refused(http: httpx2.AsyncClient, owner: Tenant) -> None:
    assert (await send(http, PICTURE, **{f"f{n}": "x" for n in range(10_000)})).status_code == 400
    assert (await send(http, meta=json.dumps({"a": "x" * 500_000}))).status_code == 400
    several = [("file", (f"{n}.png", PICTURE)) for n in range(3)]
    assert (await http.post(PATH, files=several)).status_code == 400
    assert keys_in(owner.parts) == set()


async def test_5_mb_is_taken_and_one_byte_more_is_not(http: httpx2.AsyncClient) -> None:
    assert (await send(http, padded(FIVE_MB))).status_code == 201
    for size in (FIVE_MB + 1, 4 * FIVE_MB):
        answer = await send(http, padded(size))
        assert told(answer) == (400, "File too large", "file")
        assert answer.json()["error"]["hint"]


async def test_a_name_that_is_taken_is_a_conflict_and_leaves_nothing(http: httpx2.AsyncClient, owner: Tenant) -> None:
    await send(http, alias="@logo")
    assert told(await send(http, OTHER, alias="@logo")) == (409, "Alias already exists", "alias")
    assert await settled(owner.parts) == await known_keys(owner.parts)


async def test_a_repeat_gets_the_same_bytes_and_leaves_nothing(http: httpx2.AsyncClient, owner: Tenant) -> None:
    http.headers.update(KEY)
    first, again = await send(http, alias="@logo"), await send(http, alias="@logo")
    assert (again.status_code, again.content) == (201, first.content)
    assert told(await send(http, OTHER, alias="@logo"))[0] == 409
    assert len(await settled(owner.parts)) == 1
    http.headers["Idempotency-Key"] = "short"
    assert told(await send(http))[::2] == (400, "Idempotency-Key")


async def test_a_project_of_others_is_not_there(http: httpx2.AsyncClient, owner: Tenant) -> None:
    rival = await tenant(owner.parts, "rival", "spy")
    http.headers["X-Project-Id"] = rival.project_id
    assert told(await send(http))[0] == 404
    assert keys_in(owner.parts) == set()
