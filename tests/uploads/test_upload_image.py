"""uploadImage: a picture that comes with a mutation becomes an image, or leaves nothing behind."""

from typing import Any

import pytest

from tests.providers.drawing import encoded, plain
from tests.providers.test_cleaning import SECRET, photo
from tests.studio import Client, GraphQLFailure, client_of
from tests.uploads.sending import OTHER, PICTURE, download, keys_in, known_keys, noise, padded, settled, upload

KEY = "a-key-of-16-characters"
FIVE_MB = 5 * 1024 * 1024


async def refused(attempt: Any) -> GraphQLFailure:
    with pytest.raises(GraphQLFailure) as caught:
        await attempt
    return caught.value


async def test_a_picture_becomes_an_image_with_its_names_and_whoever_brought_it(client: Client) -> None:
    image = await upload(client, alias="@kite", flowAlias="@front", meta={"by": "Ada"})
    assert (image["source"], image["alias"], image["meta"]) == ("UPLOADED", "@kite", {"by": "Ada"})
    assert (image["width"], image["height"], image["mimeType"]) == (12, 8, "image/png")
    assert (await client.ask("{ viewer { subject } }"))["viewer"]["subject"] == image["apiKeyId"]
    flow = await client.ask("query($id: ID!) { flow(id: $id) { aliases { alias image { id } } } }", **image["flow"])
    assert flow["flow"]["aliases"] == [{"alias": "@front", "image": {"id": image["id"]}}]
    seen = await download(client, image["storageUrl"])
    assert (seen.size, seen.getpixel((3, 3))) == ((12, 8), (200, 30, 30))
    assert (await download(client, image["cdnUrl"])).size == (12, 8)
    assert keys_in(client.parts) == await known_keys(client.parts)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP"])
async def test_what_is_served_tells_nothing_of_where_it_was_taken(client: Client, format_name: str) -> None:
    image = await upload(client, photo(format_name, orientation=6))
    served = (await client.http.get(image["storageUrl"])).content
    assert SECRET not in served
    assert (image["width"], image["height"], image["fileSize"]) == (20, 40, len(served))


async def test_the_newest_upload_is_at_upload(client: Client) -> None:
    await upload(client)
    newest = await upload(client, OTHER)
    query = 'query($id: ID!) { resolveAlias(projectId: $id, alias: "@upload") { scope image { id } } }'
    found = (await client.ask(query, id=client.key.projectId))["resolveAlias"]
    assert found == {"scope": "TECHNICAL", "image": {"id": newest["id"]}}


async def test_a_flow_may_be_named_declined_or_left_to_begin(client: Client) -> None:
    assert (await upload(client, flowId=None))["flow"] is None
    one, other = await upload(client, flowAlias="@a"), await upload(client, flowAlias="@a")
    assert one["flow"] != other["flow"]
    named = "0199a000-0000-7000-8000-000000000001"
    assert (await upload(client, flowId=named))["flow"] == {"id": named}
    assert (await upload(client, flowId=named, flowAlias="@b"))["flow"] == {"id": named}
    assert (await refused(upload(client, flowId=None, flowAlias="@c"))).field == "flowAlias"
    assert (await refused(upload(client, flowId="flow-uuid-here"))).field == "flowId"
    assert keys_in(client.parts) >= await known_keys(client.parts)


async def test_the_same_again_is_the_same_image_and_leaves_one_object(client: Client) -> None:
    first = await upload(client, clientMutationId=KEY, alias="@kite")
    again = await upload(client, name="other-name.png", clientMutationId=KEY, alias="@kite")
    assert again == first
    assert await settled(client.parts) == await known_keys(client.parts)
    for other in ({"data": OTHER, "alias": "@kite"}, {"alias": "@boat"}, {"alias": "@kite", "meta": {}}):
        assert (await refused(upload(client, clientMutationId=KEY, **other))).code == "CONFLICT"
    assert await settled(client.parts) == await known_keys(client.parts)
    assert len(keys_in(client.parts)) == 1


async def test_what_is_refused_leaves_nothing_in_the_store(client: Client) -> None:
    await upload(client, alias="@kite")
    before = keys_in(client.parts)
    for given, code in (
        ({"alias": "@kite"}, "ALIAS_CONFLICT"),
        ({"alias": "kite"}, "ALIAS_INVALID"),
        ({"alias": "@last"}, "ALIAS_RESERVED"),
        ({"flowAlias": "@upload"}, "ALIAS_RESERVED"),
        ({"meta": [1]}, "VALIDATION_ERROR"),
        ({"projectId": "0199a000-0000-7000-8000-000000000001"}, "PROJECT_NOT_FOUND"),
        ({"projectId": "../../etc"}, "PROJECT_NOT_FOUND"),
    ):
        assert (await refused(upload(client, **given))).code == code
    assert await settled(client.parts) == before


async def test_5_mb_is_taken_and_one_byte_more_is_not(client: Client) -> None:
    assert (await upload(client, padded(FIVE_MB)))["width"] == 12
    for size in (FIVE_MB + 1, FIVE_MB + 2_000_000):
        failure = await refused(upload(client, padded(size)))
        assert (failure.code, failure.field) == ("VALIDATION_ERROR", "file")
        assert failure.errors[0]["message"] == "File too large"
        assert "5,242,880 bytes" in failure.errors[0]["extensions"]["hint"]


async def test_another_organizations_project_is_not_there(client: Client) -> None:
    async with client_of(client.parts, client.url, "rival", "spy") as spy:
        mine, theirs = client.key.projectId, spy.key.projectId
        assert (await refused(upload(spy, projectId=mine))).code == "PROJECT_NOT_FOUND"
        assert (await upload(spy, projectId=theirs))["source"] == "UPLOADED"


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_a_key_that_may_not_write_images_stores_nothing(client: Client) -> None:
    make = """mutation { createApiKey(input: {name: "Reader", scopes: ["images:read", "projects:read"]}) { secret } }"""
    secret = (await client.ask(make))["createApiKey"]["secret"]
    client.http.headers["X-API-Key"] = secret
    assert (await refused(upload(client, projectId=client.key.projectId))).code == "FORBIDDEN"
    assert keys_in(client.parts) == set()


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_a_picture_has_as_many_pixels_as_the_setting_allows(client: Client) -> None:
    client.parts.studio.uploads.max_pixels = 95
    failure = await refused(upload(client))
    assert (failure.code, failure.field) == ("VALIDATION_ERROR", "file")
    assert (await upload(client, encoded(plain(19, 5))))["width"] == 19


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_what_only_says_it_is_a_picture_is_refused(client: Client) -> None:
    for data in (
        b"<svg/>",
        b"GIF89a" + bytes(100),
        PICTURE[:40],
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"",
        noise(40)[:-9],
    ):
        failure = await refused(upload(client, data))
        assert (failure.code, failure.field) == ("VALIDATION_ERROR", "file")
    assert keys_in(client.parts) == set()
