"""`GET /api/v1/live`: an image by its prompt, for programs with a key."""

import pytest

from tests.images.generating import visited_before
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "грузовик едет по горной дороге"


async def test_an_image_is_generated_once_and_found_from_then_on(client: Client) -> None:
    first = await client.http.get("/api/v1/live", params={"prompt": PROMPT, "aspectRatio": "16:9"})
    assert (first.status_code, first.headers["content-type"], first.headers["x-cache-status"]) == (
        200,
        "image/jpeg",
        "MISS",
    )
    again = await client.http.get("/api/v1/live", params={"prompt": PROMPT, "aspectRatio": "16:9"})
    assert (again.content, again.headers["x-cache-status"]) == (first.content, "HIT")
    assert "ratelimit-remaining" in again.headers


async def test_keys_have_no_visitors_hour(client: Client) -> None:
    await visited_before(client.parts, 10)
    for number in range(2):
        query = {"prompt": f"picture {number}", "autoEnhance": "false"}
        assert (await client.http.get("/api/v1/live", params=query)).status_code == 200


async def test_without_a_key_nothing_is_generated(client: Client) -> None:
    answer = await client.http.get("/api/v1/live", params={"prompt": PROMPT}, headers={"X-API-Key": "nobody"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    answer = await client.http.get("/api/v1/live")
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Prompt is required")


async def test_what_a_key_was_shown_is_for_no_other_cache_and_no_other_page(client: Client) -> None:
    for status in ("MISS", "HIT"):
        answer = await client.http.get("/api/v1/live", params={"prompt": PROMPT, "autoEnhance": "false"})
        assert answer.headers["x-cache-status"] == status
        assert answer.headers["cache-control"] == "private, max-age=31536000"
        assert answer.headers["vary"] == "X-API-Key, Authorization, X-Project-Id"
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    known = {"If-None-Match": answer.headers["etag"]}
    unchanged = await client.http.get("/api/v1/live", params={"prompt": PROMPT, "autoEnhance": "false"}, headers=known)
    assert (unchanged.status_code, unchanged.headers["cache-control"]) == (304, "private, max-age=31536000")
    assert unchanged.headers["vary"] == "X-API-Key, Authorization, X-Project-Id"
    assert "access-control-allow-origin" not in unchanged.headers


async def test_looking_has_nothing_generated(client: Client) -> None:
    looked = await client.http.head("/api/v1/live", params={"prompt": PROMPT})
    assert (looked.status_code, looked.content) == (404, b"")
    counted = await client.ask("{ project { generations { totalCount } runs { totalCount } } }")
    assert counted["project"] == {"generations": {"totalCount": 0}, "runs": {"totalCount": 0}}
