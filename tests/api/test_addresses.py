"""Files, health, and addresses where nothing is."""

from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from tests.api.asking import finish, start
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAFE = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"}


async def _addresses(client: Client) -> list[str]:
    image = (await finish(client, (await start(client))["id"]))["images"][0]
    return [image["storageUrl"], image["cdnUrl"]]


async def test_pictures_are_served_safely_to_whoever_has_their_address(client: Client) -> None:
    stored, shown = await _addresses(client)
    client.http.headers.pop("x-api-key")
    for url, cached in ((stored, "private, no-cache"), (shown, "public, max-age=31536000, immutable")):
        whole, head = await client.http.get(url), await client.http.head(url)
        assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
        assert whole.content.startswith(b"\x89PNG")
        for answer in (whole, head):
            assert answer.headers["content-length"] == str(len(whole.content))
            assert answer.headers["cache-control"] == cached
            assert SAFE.items() <= dict(answer.headers).items()


async def test_who_has_the_bytes_already_gets_304(client: Client) -> None:
    for url in await _addresses(client):
        etag = (await client.http.head(url)).headers["etag"]
        for known in (etag, f"W/{etag}", f'"x", {etag}', f'"x",W/{etag} , "y"', "*"):
            answer = await client.http.get(url, headers={"if-none-match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        for other in ('"x"', etag.strip('"'), f'"{etag.strip(chr(34))}x"', "", f'{etag[:-1]}-gzip"'):
            assert (await client.http.get(url, headers={"if-none-match": other})).status_code == 200


async def test_a_picture_whose_bytes_are_gone_is_an_answer_and_not_a_cut(client: Client) -> None:
    for url in await _addresses(client):
        await client.parts.objects.delete(await _object_key(client, url))
        answer = await client.http.get(url)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


async def _object_key(client: Client, url: str) -> str:
    path = urlsplit(url).path
    found = await client.parts.images.by_storage_key(path.removeprefix("/storage/"))
    found = found or await client.parts.images.shown(client.key.organizationSlug, "website", path.rpartition("/")[2])
    return found.object_key


async def test_a_picture_put_out_of_sight_stays_where_pages_show_it_and_nowhere_else(client: Client) -> None:
    stored, shown = await _addresses(client)
    async with client.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE images SET deleted_at = now()"))
    answer = await client.http.get(stored)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "IMAGE_NOT_FOUND")
    assert (await client.http.get(shown)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/storage/",
        "/storage/x",
        "/storage/%00",
        "/storage/..%2f..%2fetc/passwd",
        "/storage/%2e%2e/%2e%2e/etc/passwd",
        "/cdn/acme",
        "/cdn/acme/website/img/x.png",
        "/cdn/acme/website/img/..%2f..%2fx",
        "/cdn/%00/%00/img/%00",
        "/nothing",
        "/v1/nothing",
        "/%ff",
    ],
)
async def test_where_nothing_is_the_answer_is_404_or_400_in_json(client: Client, path: str) -> None:
    answer = await client.http.get(path)
    assert answer.status_code in ({400} if "%00" in path else {404})
    assert answer.json()["error"]["traceId"] == answer.headers["x-trace-id"]


async def test_the_key_of_one_picture_does_not_open_anothers_project(client: Client, spy: Client) -> None:
    parts = urlsplit((await _addresses(client))[1])
    elsewhere = parts.path.replace(f"/{client.key.organizationSlug}/website/", f"/{spy.key.organizationSlug}/spy/")
    assert (await client.http.get(elsewhere)).status_code == 404


async def test_health_needs_no_key(client: Client) -> None:
    client.http.headers.pop("x-api-key")
    for path in ("/health/live", "/health/ready"):
        assert (await client.http.get(path)).json() == {"status": "ok"}


async def test_a_method_that_is_not_possible_is_405_with_those_that_are(client: Client) -> None:
    for method, path in (("PUT", "/graphql"), ("DELETE", "/v1/graphql"), ("POST", "/health/live")):
        answer = await client.http.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert "GET" in answer.headers["allow"]


async def test_the_answers_type_is_the_one_that_was_asked_for(client: Client) -> None:
    newer, older = "application/graphql-response+json", "application/json"
    for accept, type_, status in (
        (newer, newer, 400),
        (f"{newer}; charset=utf-8, {older}", newer, 400),
        (older, older, 200),
    ):
        for query in ("{ nope }", "{"):
            answer = await client.http.post("/v1/graphql", json={"query": query}, headers={"accept": accept})
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, type_)
            assert ("data" in answer.json()) is (status == 200)
        answer = await client.http.post("/graphql", json={"query": "{__typename}"}, headers={"accept": accept})
        assert (answer.status_code, answer.json()["data"]) == (200, {"__typename": "Query"})
