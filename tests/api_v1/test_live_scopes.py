"""Live scopes at `/api/v1/live/scopes`, named by their slugs."""

from typing import Any

import pytest

from domain.commands import execute
from domain.generations import Generation
from domain.live_urls import LiveUrl, RequestLiveImage
from domain.permissions import visitor_actor
from tests.api_v1.calling import KEY, a_project, call, get, made, told
from tests.engine.crew import until
from tests.studio import Client, tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def a_scope(client: Client, slug: str = "hero-section", **more: Any) -> dict[str, Any]:
    answer = await call(client, "POST", "/live/scopes", {"slug": slug, **more})
    assert answer.status_code == 201, answer.text
    scope: dict[str, Any] = answer.json()
    return scope


async def visited(client: Client, slug: str, prompt: str) -> str:
    """The id of the image that a live URL has had generated."""
    owner = await tenant(client.parts, client.key.organizationSlug, client.key.projectSlug)
    visitor = visitor_actor(owner.actor.organization_id, owner.project_id, "0" * 32)
    url = LiveUrl(prompt=prompt, auto_enhance=False)
    command = RequestLiveImage(project_id=owner.project_id, scope=slug, url=url, address=None)
    asked = (await execute(client.parts.database.begin, visitor, command)).generation

    async def is_made() -> bool:
        generation = await client.parts.studio.reads.one(Generation, owner.actor, id=asked.id)
        return generation is not None and generation.output_image_id is not None and generation.is_finished

    await until(is_made)
    generation = await client.parts.studio.reads.one(Generation, owner.actor, id=asked.id)
    assert generation is not None
    return str(generation.output_image_id)


async def test_a_scope_is_made_changed_and_found_by_its_slug(client: Client) -> None:
    answer = await call(client, "POST", "/live/scopes", {"slug": "hero-section"})
    scope = answer.json()
    assert answer.headers["location"] == f"{client.url}/api/v1/live/scopes/hero-section"
    assert list(scope) == [
        "id", "projectId", "slug", "allowNewGenerations", "newGenerationsLimit", "currentGenerations",
        "lastGeneratedAt", "whenSpent", "meta", "createdAt", "updatedAt",
    ]  # fmt: skip
    assert (scope["allowNewGenerations"], scope["newGenerationsLimit"], scope["currentGenerations"]) == (True, 30, 0)
    assert (scope["lastGeneratedAt"], scope["meta"], scope["projectId"]) == (None, {}, client.key.projectId)

    changes = {"allowNewGenerations": False, "newGenerationsLimit": 5, "meta": {"page": "home"}}
    changed = await call(client, "PUT", "/live/scopes/hero-section", changes)
    assert changed.status_code == 200
    assert changed.json().items() >= changes.items()
    assert await get(client, "/live/scopes/hero-section") == changed.json()


async def test_scopes_are_listed_newest_first_or_by_their_slug(client: Client) -> None:
    slugs = ["hero-section", "gallery", "Footer_1"]
    for slug in slugs:
        await a_scope(client, slug)
    assert [scope["slug"] for scope in (await get(client, "/live/scopes"))["data"]] == slugs[::-1]
    assert [scope["slug"] for scope in (await get(client, "/live/scopes", slug="gallery"))["data"]] == ["gallery"]
    assert (await get(client, "/live/scopes", slug="nothing"))["pagination"]["total"] == 0


@pytest.mark.parametrize(("body", "refusal"), [
    ({}, (400, "VALIDATION_ERROR", "slug")),
    ({"slug": "a b"}, (400, "SCOPE_INVALID_FORMAT", "slug")),
    ({"slug": "é"}, (400, "SCOPE_INVALID_FORMAT", "slug")),
    ({"slug": "x" * 300}, (400, "SCOPE_INVALID_FORMAT", "slug")),
    ({"slug": "a", "newGenerationsLimit": -1}, (400, "VALIDATION_ERROR", "newGenerationsLimit")),
    ({"slug": "a", "newGenerationsLimit": 1.5}, (400, "VALIDATION_ERROR", "newGenerationsLimit")),
    ({"slug": "a", "allowNewGenerations": "yes"}, (400, "VALIDATION_ERROR", "allowNewGenerations")),
    ({"slug": "a", "meta": "x"}, (400, "VALIDATION_ERROR", "meta")),
    ({"slug": "a", "limit": 3}, (400, "VALIDATION_ERROR", "limit")),
])  # fmt: skip
async def test_what_cannot_be_a_scope_is_refused(
    client: Client, body: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    assert told(await call(client, "POST", "/live/scopes", body)) == refusal


async def test_a_slug_belongs_to_one_scope_of_the_project(client: Client) -> None:
    await a_scope(client)
    again = await call(client, "POST", "/live/scopes", {"slug": "hero-section"})
    assert told(again) == (409, "SCOPE_ALREADY_EXISTS", "slug")


@pytest.mark.parametrize("slug", ["%00", "a%20b", "@hero", "x" * 300])
async def test_what_is_no_slug_is_said(client: Client, slug: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await call(client, method, f"/live/scopes/{slug}")
        assert told(answer) == (400, "SCOPE_INVALID_FORMAT", "slug")
    listed = await client.http.get(f"/api/v1/live/scopes?slug={slug}")
    assert told(listed) == (400, "SCOPE_INVALID_FORMAT", "slug")


async def test_images_of_a_scope_are_made_again_all_or_one(client: Client) -> None:
    await a_scope(client)
    first, second = [await visited(client, "hero-section", prompt) for prompt in ("A mountain", "A lake")]
    scope = await get(client, "/live/scopes/hero-section")
    assert (scope["currentGenerations"], scope["lastGeneratedAt"] is not None) == (2, True)
    for body, wanted in (({"imageId": first}, [1, 0]), (None, [2, 1]), ({"imageId": None}, [3, 2])):
        answer = await call(client, "POST", "/live/scopes/hero-section/regenerate", body)
        assert (answer.status_code, answer.json()["slug"]) == (200, "hero-section")
        made_by = {one["outputImageId"]: one["retryCount"] for one in (await get(client, "/generations"))["data"]}
        assert [made_by[id_] for id_ in (first, second)] == wanted
    other = (await made(client))["outputImageId"]
    answer = await call(client, "POST", "/live/scopes/hero-section/regenerate", {"imageId": other})
    assert told(answer) == (400, "IMAGE_NOT_IN_SCOPE", "imageId")


async def test_a_deleted_scope_takes_its_images_along(client: Client) -> None:
    scope = await a_scope(client)
    image = await visited(client, "hero-section", "A mountain")
    for _ in range(2):
        gone = await call(client, "DELETE", "/live/scopes/hero-section", headers=KEY)
        assert (gone.status_code, gone.json()) == (200, {"id": scope["id"], "deleted": True})
    for method, path, code in (
        ("GET", "/live/scopes/hero-section", "SCOPE_NOT_FOUND"),
        ("DELETE", "/live/scopes/hero-section", "SCOPE_NOT_FOUND"),
        ("GET", f"/images/{image}", "IMAGE_NOT_FOUND"),
    ):
        assert told(await call(client, method, path)) == (404, code, None)


async def test_scopes_of_others_are_not_there(client: Client, spy: Client) -> None:
    await a_scope(client)
    shop = {"X-Project-Id": await a_project(client)}
    for one, headers in ((spy, {}), (client, shop)):
        for method, path in (
            ("GET", "/live/scopes/hero-section"),
            ("PUT", "/live/scopes/hero-section"),
            ("DELETE", "/live/scopes/hero-section"),
            ("POST", "/live/scopes/hero-section/regenerate"),
        ):
            assert told(await call(one, method, path, headers=headers)) == (404, "SCOPE_NOT_FOUND", None)
    assert (await get(client, "/live/scopes"))["pagination"]["total"] == 1
