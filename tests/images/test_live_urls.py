"""Live URLs as visitors of a site open them, and their scopes as its owner sees them."""

import asyncio
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from domain.kinds.enhance import EnhancementTemplate
from domain.live_urls import LiveUrl
from rest.live_asking import signature_of
from tests.conftest import settings_in
from tests.gateway.stretches import early_in_its_stretch
from tests.images.generating import change
from tests.images.visiting import code_of, visit
from tests.studio import Client, GraphQLFailure, serving

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("nobody_was_here_before")]

SCOPE = "id slug allowNewGenerations newGenerationsLimit currentGenerations lastGeneratedAt whenSpent meta version"


async def scope_of(client: Client, slug: str = "hero") -> Any:
    shown = f"{SCOPE} images {{ nodes {{ id meta }} }}"
    query = f"query($p: ID!, $s: String!) {{ liveScope(projectId: $p, slug: $s) {{ {shown} }} }}"
    return (await client.ask(query, p=client.key.projectId, s=slug))["liveScope"]


async def a_scope(client: Client, slug: str = "hero", **more: Any) -> Any:
    made = await change(client, "createLiveScope", "CreateLiveScope", f"liveScope {{ {SCOPE} }}", slug=slug, **more)
    return made["liveScope"]


async def settings_of(client: Client, **settings: Any) -> None:
    answer = "project { id }"
    await change(client, "updateProject", "UpdateProject", answer, id=client.key.projectId, settings=settings)


async def test_the_first_visit_generates_and_every_other_finds(client: Client) -> None:
    first = await visit(client, aspectRatio="16:9")
    assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(BytesIO(first.content)).format == "JPEG"
    told = {name: first.headers[f"x-{name}"] for name in ("cache-status", "scope", "ratelimit-limit")}
    assert told == {"cache-status": "MISS", "scope": "hero", "ratelimit-limit": "10"}
    assert (first.headers["x-ratelimit-remaining"], int(first.headers["x-ratelimit-reset"]) > 3_500) == ("9", True)
    again = await visit(client, aspectRatio="16:9", autoEnhance="true", template="general", utm_source="x")
    assert (again.headers["x-cache-status"], again.content) == ("HIT", first.content)
    assert (again.headers["x-image-id"], again.headers["etag"]) == (first.headers["x-image-id"], first.headers["etag"])
    assert again.headers["cache-control"] == "public, max-age=31536000"
    assert not {"x-generation-id", "x-ratelimit-limit", "ratelimit-limit"} & set(again.headers)
    assert int(again.headers["content-length"]) == len(again.content)
    scope = await scope_of(client)
    assert (scope["currentGenerations"], scope["lastGeneratedAt"] is not None) == (1, True)
    assert [(one["id"], one["meta"]["isLiveUrl"]) for one in scope["images"]["nodes"]] == [
        (first.headers["x-image-id"], True)
    ]


async def test_two_hundred_cold_visits_at_once_make_one_generation(client: Client) -> None:
    answers = await asyncio.gather(*(visit(client, prompt="a cold start") for _ in range(200)))
    assert {(one.status_code, one.headers["x-cache-status"]) for one in answers} <= {(200, "MISS"), (200, "HIT")}
    assert len({(one.headers["etag"], one.content) for one in answers}) == 1
    assert (await scope_of(client))["currentGenerations"] == 1
    counted = await client.ask("{ project { generations { totalCount } runs { totalCount } } }")
    assert counted["project"] == {"generations": {"totalCount": 1}, "runs": {"totalCount": 1}}


@pytest.mark.parametrize(
    ("scope", "query", "code"),
    [
        ("hero", {"prompt": ""}, "VALIDATION_ERROR"),
        ("hero", {"prompt": "x" * 4_001}, "VALIDATION_ERROR"),
        ("hero", {"aspectRatio": "7:5"}, "VALIDATION_ERROR"),
        ("hero", {"autoEnhance": "maybe"}, "VALIDATION_ERROR"),
        ("hero", {"template": "baroque"}, "VALIDATION_ERROR"),
        ("he.ro", {}, "SCOPE_INVALID_FORMAT"),
        ("x" * 101, {}, "SCOPE_INVALID_FORMAT"),
    ],
)
async def test_what_cannot_be_is_refused(client: Client, scope: str, query: dict[str, str], code: str) -> None:
    assert code_of(await visit(client, scope, **query)) == (400, code)


async def test_who_and_what_is_not_there_is_said(client: Client) -> None:
    async with httpx2.AsyncClient() as http:
        for path, code in (("nobody/website", "ORG_NOT_FOUND"), ("acme/nothing", "PROJECT_NOT_FOUND")):
            answer = await http.get(f"{client.url}/cdn/{path}/live/hero", params={"prompt": "a cat"})
            assert code_of(answer) == (404, code)
        bare = await http.get(f"{client.url}/cdn/acme/{client.key.projectSlug}/live/hero")
        assert (code_of(bare), bare.json()["error"]["message"]) == ((400, "VALIDATION_ERROR"), "Prompt is required")
        for query in ("prompt=%ff", "prompt=%00", "&".join(f"a{n}=1" for n in range(70))):
            answer = await http.get(f"{client.url}/cdn/acme/{client.key.projectSlug}/live/hero?{query}")
            assert code_of(answer) == (400, "VALIDATION_ERROR")


async def test_scopes_are_made_by_visitors_as_far_as_the_project_lets_them(client: Client) -> None:
    await settings_of(client, maxAutoScopes=1, newScopeGenerationsLimit=7)
    assert (await visit(client, "one")).status_code == 200
    assert (await scope_of(client, "one"))["newGenerationsLimit"] == 7
    assert code_of(await visit(client, "two")) == (403, "SCOPE_CREATION_DISABLED")
    await settings_of(client, maxAutoScopes=20, allowNewLiveScopes=False)
    assert code_of(await visit(client, "three")) == (403, "SCOPE_CREATION_DISABLED")
    await a_scope(client, "three")
    assert (await visit(client, "three")).status_code == 200


async def test_a_spent_scope_refuses_or_shows_what_its_owner_wants(client: Client) -> None:
    scope = await a_scope(client, newGenerationsLimit=1)
    first = await visit(client, prompt="the first")
    assert code_of(await visit(client, prompt="the second")) == (429, "SCOPE_GENERATION_LIMIT_EXCEEDED")
    assert (await visit(client, prompt="the first")).headers["x-cache-status"] == "HIT"
    await change(
        client, "updateLiveScope", "UpdateLiveScope", "liveScope { id }", id=scope["id"], whenSpent="LAST_GOOD"
    )
    shown = await visit(client, prompt="the second")
    assert (shown.status_code, shown.content, shown.headers["x-fallback"]) == (200, first.content, "last-good")
    assert shown.headers["cache-control"] == "public, max-age=60"
    await change(
        client, "updateLiveScope", "UpdateLiveScope", "liveScope { id }", id=scope["id"], whenSpent="PLACEHOLDER"
    )
    sign = await visit(client, prompt="the second", aspectRatio="16:9")
    assert (sign.status_code, sign.headers["x-fallback"]) == (200, "placeholder")
    assert Image.open(BytesIO(sign.content)).size == (1024, 576)
    await change(
        client, "updateLiveScope", "UpdateLiveScope", "liveScope { id }", id=scope["id"], newGenerationsLimit=2
    )
    assert (await visit(client, prompt="the second")).headers["x-cache-status"] == "MISS"


async def test_a_day_of_live_urls_has_its_end(client: Client) -> None:
    await settings_of(client, liveGenerationsPerDay=1)
    assert (await visit(client, prompt="one")).status_code == 200
    assert code_of(await visit(client, "other", prompt="two")) == (429, "SCOPE_GENERATION_LIMIT_EXCEEDED")


async def test_only_signed_addresses_generate_where_the_project_wants_it(client: Client) -> None:
    await settings_of(client, requireSignedLiveUrls=True)
    assert code_of(await visit(client)) == (403, "FORBIDDEN")
    secret = (await client.ask("{ project { liveUrlSecret } }"))["project"]["liveUrlSecret"]
    url = LiveUrl(prompt="mountain landscape", template=EnhancementTemplate.COMIC)
    signature = signature_of(secret, "hero", url)
    assert code_of(await visit(client, template="comic", signature=signature[:-1] + "x")) == (403, "FORBIDDEN")
    assert (await visit(client, template="comic", signature=signature)).headers["x-cache-status"] == "MISS"
    assert (await visit(client, template="comic")).headers["x-cache-status"] == "HIT"


async def test_an_explanation_tells_what_a_visit_would_do_and_does_nothing(client: Client) -> None:
    query = """query($p: ID!, $prompt: String!) { explainLiveUrl(projectId: $p, scope: "hero", prompt: $prompt) {
      canonicalKey cache imageId cost scopeRemaining ipRemaining ipResetSeconds } }"""

    async def explained() -> Any:
        found = await client.ask(query, p=client.key.projectId, prompt="mountain landscape")
        return found["explainLiveUrl"]

    before = await explained()
    assert (before["cache"], before["imageId"], before["scopeRemaining"], before["ipRemaining"]) == (
        "MISS",
        None,
        30,
        10,
    )
    image_id = (await visit(client)).headers["x-image-id"]
    after = await explained()
    assert (after["cache"], after["imageId"], after["scopeRemaining"], after["ipRemaining"]) == ("HIT", image_id, 29, 9)
    assert after["canonicalKey"] == before["canonicalKey"]


async def test_a_scope_is_made_again_image_by_image_or_as_a_whole(client: Client) -> None:
    one, two = await visit(client, prompt="one"), await visit(client, prompt="two")
    scope = await scope_of(client)
    again = ("regenerateLiveScope", "RegenerateLiveScope", "liveScope { id }")
    await change(client, *again, id=scope["id"], imageId=one.headers["x-image-id"])
    await _until_changed(client, "one", one.headers["etag"])
    assert (await visit(client, prompt="two")).headers["etag"] == two.headers["etag"]
    await change(client, *again, id=scope["id"])
    changed = await _until_changed(client, "two", two.headers["etag"])
    assert changed.headers["x-image-id"] == two.headers["x-image-id"]
    elsewhere = await a_scope(client, "elsewhere")
    with pytest.raises(GraphQLFailure) as refused:
        await change(client, *again, id=elsewhere["id"], imageId=one.headers["x-image-id"])
    assert refused.value.code == "IMAGE_NOT_IN_SCOPE"
    assert (await scope_of(client))["currentGenerations"] == 2


async def test_each_image_of_a_scope_that_is_made_again_counts_in_the_projects_minute(
    tmp_path: Path, database_url: str
) -> None:
    few = settings_in(tmp_path).model_copy(update={"project_requests_per_minute": 5})
    async with serving(few, database_url) as client:
        organization = (await client.ask("{ viewer { organization { id } } }"))["viewer"]["organization"]["id"]
        await early_in_its_stretch(f"project/{organization}/{client.key.projectId}", room_seconds=15)
        await asyncio.gather(*(visit(client, prompt=f"picture {n}", autoEnhance="false") for n in range(3)))
        scope = await scope_of(client)
        again = partial(
            change, client, "regenerateLiveScope", "RegenerateLiveScope", "liveScope { id }", id=scope["id"]
        )
        await again()
        with pytest.raises(GraphQLFailure) as refused:
            await again()
        assert refused.value.code == "RATE_LIMITED"
        answer = await client.http.post("/api/v1/live/scopes/hero/regenerate")
        assert code_of(answer) == (429, "RATE_LIMITED")
        for _ in range(2):
            await again(imageId=scope["images"]["nodes"][0]["id"])
        with pytest.raises(GraphQLFailure):
            await again(imageId=scope["images"]["nodes"][0]["id"])


async def _until_changed(client: Client, prompt: str, etag: str) -> httpx2.Response:
    async with asyncio.timeout(30):
        while (answer := await visit(client, prompt=prompt)).headers["etag"] == etag:
            assert answer.headers["x-cache-status"] == "HIT"
    return answer


async def test_a_deleted_scope_takes_its_images_along_unless_they_have_a_name(client: Client) -> None:
    kept, gone = await visit(client, prompt="kept"), await visit(client, prompt="gone")
    kept_id, gone_id = kept.headers["x-image-id"], gone.headers["x-image-id"]
    await change(client, "assignImageAlias", "AssignImageAlias", "image { id }", id=kept_id, alias="@kept")
    scope = await scope_of(client)
    await change(client, "deleteLiveScope", "LiveScope", "deletedId", id=scope["id"])
    found = await client.ask(
        "query($a: ID!, $b: ID!) { a: image(id: $a) { deletedAt } b: image(id: $b) { id } }", a=kept_id, b=gone_id
    )
    assert (found["a"]["deletedAt"] is not None, found["b"]) == (True, None)
    assert await scope_of(client) is None
    anew = await visit(client, prompt="gone")
    assert (anew.headers["x-cache-status"], anew.headers["x-image-id"] != gone_id) == ("MISS", True)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"slug": "he.ro"}, "SCOPE_INVALID_FORMAT"),
        ({"slug": ""}, "SCOPE_INVALID_FORMAT"),
        ({"newGenerationsLimit": -1}, "VALIDATION_ERROR"),
    ],
)
async def test_a_scope_that_cannot_be_is_refused(client: Client, more: dict[str, Any], code: str) -> None:
    with pytest.raises(GraphQLFailure) as refused:
        await a_scope(client, **more)
    assert refused.value.code == code


async def test_slugs_of_scopes_are_unique_in_their_project(client: Client, spy: Client) -> None:
    await a_scope(client)
    with pytest.raises(GraphQLFailure) as refused:
        await a_scope(client)
    assert refused.value.code == "SCOPE_ALREADY_EXISTS"
    with pytest.raises(GraphQLFailure):
        await change(spy, "updateLiveScope", "UpdateLiveScope", "liveScope { id }", id=(await scope_of(client))["id"])
