"""Refusals of `/api/v1`: one shape, whatever was wrong."""

import pytest

from tests.api_v1.calling import KEY, UNKNOWN, a_flow, call, key_of, picture, told
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/flows/", "/flows/x/y", "/images/%2e%2e/x", "/generations/a/b/c", ""]
)
async def test_an_unknown_path_is_told_in_the_same_shape(client: Client, path: str) -> None:
    assert told(await client.http.get(f"/api/v1{path}")) == (404, "NOT_FOUND", None)


@pytest.mark.parametrize(("method", "path", "allowed"), [
    ("PATCH", "/flows", {"GET", "HEAD", "POST"}),
    ("POST", "/images", {"GET", "HEAD"}),
    ("PATCH", f"/images/{UNKNOWN}", {"GET", "HEAD", "PUT", "DELETE"}),
    ("GET", f"/flows/{UNKNOWN}/aliases", {"PUT"}),
    ("OPTIONS", "/flows", {"GET", "HEAD", "POST"}),
])  # fmt: skip
async def test_a_wrong_method_is_told_the_right_ones(client: Client, method: str, path: str, allowed: set[str]) -> None:
    answer = await call(client, method, path)
    assert told(answer) == (405, "METHOD_NOT_ALLOWED", None)
    assert set(answer.headers["allow"].split(", ")) == allowed


async def test_a_head_tells_what_a_get_would(client: Client) -> None:
    head, get = [await call(client, method, "/flows") for method in ("HEAD", "GET")]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))


async def test_nobody_is_let_in_without_a_key(client: Client) -> None:
    del client.http.headers["x-api-key"]
    for headers in ({}, {"X-API-Key": "easel_nothing"}, {"Authorization": "Bearer x"}):
        answer = await call(client, "GET", "/images", headers=headers)
        assert told(answer) == (401, "UNAUTHENTICATED", None)


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"{", b'{"meta": "\xff"}', b"[" * 50_000, b" "])
async def test_a_body_that_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    answer = await client.http.post("/api/v1/flows", content=body, headers={"Content-Type": "application/json"})
    assert told(answer) == (400, "VALIDATION_ERROR", None)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_must_be_json(client: Client, kind: str) -> None:
    answer = await client.http.post("/api/v1/flows", content=b"{}", headers={"Content-Type": kind})
    assert told(answer) == (415, "UNSUPPORTED_MEDIA_TYPE", None)


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    assert told(await call(client, "POST", "/flows", {"meta": {"a": "x" * 1_100_000}})) == (
        413,
        "PAYLOAD_TOO_LARGE",
        None,
    )


@pytest.mark.parametrize("id_", ["0", "x" * 300, "%00", UNKNOWN, "{}", "@hero", "%0d%0aX-Injected:1"])
async def test_what_is_no_id_is_not_found(client: Client, id_: str) -> None:
    for method, path, code in (
        ("GET", "/flows/{}", "FLOW_NOT_FOUND"),
        ("DELETE", "/flows/{}", "FLOW_NOT_FOUND"),
        ("GET", "/images/{}", "IMAGE_NOT_FOUND"),
        ("DELETE", "/images/{}", "IMAGE_NOT_FOUND"),
        ("GET", "/generations/{}", "GENERATION_NOT_FOUND"),
        ("PUT", "/generations/{}", "GENERATION_NOT_FOUND"),
        ("POST", "/generations/{}/retry", "GENERATION_NOT_FOUND"),
        ("POST", "/flows/{}/regenerate", "FLOW_NOT_FOUND"),
        ("DELETE", "/generations/{}", "GENERATION_NOT_FOUND"),
    ):
        assert told(await call(client, method, path.format(id_))) == (404, code, None)


async def test_an_hour_allows_so_many_requests_and_says_so(client: Client) -> None:
    few = await key_of(client, rateLimitPerHour=2, projectId=client.key.projectId)
    answers = [await call(client, "GET", path, headers=few) for path in ("/images", "/images/x", "/flows")]
    assert [answer.status_code for answer in answers] == [200, 404, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    seconds = int(answers[2].headers["retry-after"])
    assert answers[2].json()["error"]["message"] == f"Rate limit exceeded. Try again in {seconds} seconds"


@pytest.mark.parametrize(("scopes", "statuses"), [
    (["runs:read"], [403, 403, 403]),
    (["images:read"], [200, 403, 403]),
    (["images:write"], [403, 403, 403]),
    (["images:read", "images:write"], [200, 201, 200]),
])  # fmt: skip
async def test_a_key_does_what_its_scopes_allow(client: Client, scopes: list[str], statuses: list[int]) -> None:
    key = await key_of(client, scopes=scopes, projectId=client.key.projectId)
    image = await picture(client)
    answers = [
        await call(client, "GET", "/images", headers=key),
        await call(client, "POST", "/flows", {}, headers=key),
        await call(client, "DELETE", f"/images/{image}", headers=key),
    ]
    assert [answer.status_code for answer in answers] == statuses
    assert all(told(answer)[1] == "FORBIDDEN" for answer in answers if answer.status_code == 403)
    left = (await call(client, "GET", "/flows")).json()["pagination"]["total"]
    assert left == (1 if 201 in statuses else 0)


async def test_the_same_key_gets_the_same_bytes_and_one_effect(client: Client) -> None:
    first, again = [await call(client, "POST", "/flows", {"meta": {"a": 1}}, headers=KEY) for _ in range(2)]
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert (await call(client, "GET", "/flows")).json()["pagination"]["total"] == 1
    other = await call(client, "POST", "/flows", {"meta": {"a": 2}}, headers=KEY)
    assert told(other) == (409, "CONFLICT", "Idempotency-Key")


async def test_what_was_removed_or_refused_is_answered_the_same_again(client: Client) -> None:
    flow, image = (await a_flow(client))["id"], await picture(client)
    answers = [await call(client, "DELETE", f"/flows/{flow}", headers=KEY) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"id": flow, "deleted": True})] * 2

    await call(client, "PUT", f"/images/{await picture(client)}/alias", {"alias": "@hero"})
    key = {"Idempotency-Key": "another-key-of-16-characters"}
    taken = await call(client, "PUT", f"/images/{image}/alias", {"alias": "@hero"}, headers=key)
    assert told(taken) == (409, "ALIAS_CONFLICT", "alias")
    again = await call(client, "PUT", f"/images/{image}/alias", {"alias": "@hero"}, headers=key)
    assert (again.status_code, again.content) == (taken.status_code, taken.content)


@pytest.mark.parametrize("key", ["x" * 15, "x" * 256, ""])
async def test_a_key_is_neither_short_nor_long(client: Client, key: str) -> None:
    answer = await call(client, "POST", "/flows", {}, headers={"Idempotency-Key": key})
    assert told(answer) == (400, "VALIDATION_ERROR", "Idempotency-Key")
