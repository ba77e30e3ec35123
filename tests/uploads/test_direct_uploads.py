"""createImageUpload and completeImageUpload: a picture sent straight to the object store, checked before it counts."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.settings import Settings
from storage.sweep import sweep
from tests.providers.drawing import encoded, plain
from tests.providers.test_cleaning import SECRET, photo
from tests.studio import Client, GraphQLFailure, client_of, serving
from tests.uploads.sending import IMAGE, OTHER, PICTURE, download, keys_in, known_keys, padded, pass_time, settled

CREATE = """mutation($input: CreateImageUploadInput!) { createImageUpload(input: $input) {
  clientMutationId uploadId uploadUrl headers expiresAt
} }"""
COMPLETE = f"""mutation($input: CompleteImageUploadInput!) {{ completeImageUpload(input: $input) {{
  clientMutationId image {{ {IMAGE} }}
}} }}"""
FIVE_MB = 5 * 1024 * 1024
STUDIO = "https://studio.example"
KEY = "a-key-of-16-characters"


async def create(client: Client, data: bytes = PICTURE, **given: Any) -> dict[str, Any]:
    announced = {"fileName": "kite.png", "mimeType": "image/png", "fileSize": len(data), **given}
    made: dict[str, Any] = (await client.ask(CREATE, input=announced))["createImageUpload"]
    return made


async def put(upload: dict[str, Any], data: bytes = PICTURE, **headers: str) -> httpx2.Response:
    """As a page does it: with the headers it was told, and no key."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        return await http.put(upload["uploadUrl"], content=data, headers={**upload["headers"], **headers})


async def complete(client: Client, upload: dict[str, Any], **given: Any) -> dict[str, Any]:
    answer = await client.ask(COMPLETE, input={"uploadId": upload["uploadId"], **given})
    image: dict[str, Any] = answer["completeImageUpload"]["image"]
    return image


async def refused(attempt: Any) -> str:
    with pytest.raises(GraphQLFailure) as caught:
        await attempt
    return caught.value.code


async def test_what_was_sent_becomes_an_image_with_its_names(client: Client) -> None:
    data = photo("PNG", orientation=6)
    upload = await create(client, data, alias="@kite", flowAlias="@front", meta={"by": "Ada"})
    assert upload["headers"] == {"Content-Type": "image/png"}
    assert (await put(upload, data)).status_code == 200
    image = await complete(client, upload)
    assert (image["source"], image["alias"], image["meta"]) == ("UPLOADED", "@kite", {"by": "Ada"})
    assert (image["width"], image["height"]) == (20, 40)
    assert image["flow"] is not None
    assert (await download(client, image["storageUrl"])).size == (20, 40)
    assert SECRET not in (await client.http.get(image["storageUrl"])).content
    assert (await client.ask("{ viewer { subject } }"))["viewer"]["subject"] == image["apiKeyId"]


async def test_completing_twice_even_at_once_gives_the_same_image(client: Client) -> None:
    upload = await create(client)
    await put(upload)
    images = await asyncio.gather(*(complete(client, upload) for _ in range(5)))
    assert all(image == images[0] for image in [*images, await complete(client, upload)])
    keyed = [await complete(client, upload, clientMutationId=KEY) for _ in range(2)]
    assert keyed == [images[0], images[0]]
    await pass_time(client.parts, 2)
    assert await settled(client.parts) == await known_keys(client.parts)
    assert len(keys_in(client.parts)) == 1


async def test_an_announcement_repeated_is_the_same_upload(client: Client) -> None:
    first, again = [await create(client, clientMutationId=KEY) for _ in range(2)]
    assert (first["uploadId"], first["expiresAt"]) == (again["uploadId"], again["expiresAt"])
    assert (await put(again)).status_code == 200
    assert (await complete(client, first))["width"] == 12


async def test_the_url_takes_what_was_announced_and_nothing_else(client: Client) -> None:
    upload = await create(client)
    for data, headers in (
        (PICTURE + b"1", {}),
        (PICTURE[:-1], {}),
        (padded(FIVE_MB + 1), {}),
        (PICTURE, {"Content-Type": "text/html"}),
        (b"", {}),
    ):
        assert (await put(upload, data, **headers)).status_code in {400, 403, 411, 415}
    url = upload["uploadUrl"]
    for forged in (url.replace("incoming", "outgoing"), url[:-1] + ("0" if url[-1] != "0" else "1"), url.split("?")[0]):
        assert (await put({**upload, "uploadUrl": forged})).status_code in {400, 403}
    assert keys_in(client.parts) == set()
    assert (await put(upload)).status_code == 200


async def test_what_was_not_sent_or_is_no_such_picture_is_not_completed(client: Client) -> None:
    nothing = await create(client)
    assert await refused(complete(client, nothing)) == "CONFLICT"
    web_page = b"<html>" + bytes(60)
    for data in (web_page, PICTURE[:-20], encoded(plain(9, 9), "JPEG")):
        upload = await create(client, data)
        assert (await put(upload, data)).status_code == 200
        assert await refused(complete(client, upload)) == "VALIDATION_ERROR"
    await pass_time(client.parts, 2)
    assert await settled(client.parts) == await known_keys(client.parts) == set()


async def test_a_picture_sent_again_in_time_takes_the_place_of_the_first(client: Client) -> None:
    upload = await create(client)
    await put(upload, b"x" * len(PICTURE))
    assert await refused(complete(client, upload)) == "VALIDATION_ERROR"
    await put(upload)
    assert (await complete(client, upload))["width"] == 12


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_what_cannot_become_an_image_is_not_announced(client: Client) -> None:
    await complete_one(client, alias="@kite")
    for given, code in (
        ({"fileSize": FIVE_MB + 1}, "VALIDATION_ERROR"),
        ({"fileSize": 0}, "VALIDATION_ERROR"),
        ({"mimeType": "image/gif"}, "VALIDATION_ERROR"),
        ({"fileName": ""}, "VALIDATION_ERROR"),
        ({"fileName": "a\0b.png"}, "VALIDATION_ERROR"),
        ({"fileName": "x" * 256}, "VALIDATION_ERROR"),
        ({"alias": "@kite"}, "ALIAS_CONFLICT"),
        ({"alias": "kite"}, "ALIAS_INVALID"),
        ({"flowId": None, "flowAlias": "@a"}, "VALIDATION_ERROR"),
        ({"flowId": "x"}, "VALIDATION_ERROR"),
        ({"projectId": "../.."}, "PROJECT_NOT_FOUND"),
    ):
        assert await refused(create(client, **given)) == code, given


async def complete_one(client: Client, **given: Any) -> dict[str, Any]:
    upload = await create(client, **given)
    await put(upload)
    return await complete(client, upload)


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_a_name_taken_meanwhile_is_refused_when_the_upload_is_completed(client: Client) -> None:
    slow = await create(client, alias="@kite")
    await put(slow)
    await complete_one(client, alias="@kite")
    assert await refused(complete(client, slow)) == "ALIAS_CONFLICT"
    await pass_time(client.parts, 2)
    assert await settled(client.parts) == await known_keys(client.parts)


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_only_those_who_may_write_there_complete_an_upload(client: Client) -> None:
    upload = await create(client)
    await put(upload)
    async with client_of(client.parts, client.url, "rival", "spy") as spy:
        assert await refused(complete(spy, upload)) == "NOT_FOUND"
    assert await refused(complete(client, {"uploadId": "../x"})) == "NOT_FOUND"
    make = """mutation { createApiKey(input: {name: "Reader", scopes: ["images:read"]}) { secret } }"""
    secret = (await client.ask(make))["createApiKey"]["secret"]
    async with httpx2.AsyncClient(base_url=client.url, headers={"X-API-Key": secret}) as http:
        reader = Client(client.url, client.key, http, client.parts)
        assert await refused(complete(reader, upload)) == "FORBIDDEN"
    assert (await complete(client, upload))["width"] == 12


async def test_what_is_never_completed_goes_with_its_bytes(client: Client) -> None:
    upload, sent = await create(client), await create(client, OTHER)
    assert (await put(sent, OTHER)).status_code == 200
    assert len(await settled(client.parts)) == 1
    await pass_time(client.parts, 2)
    assert await settled(client.parts) == set()
    assert await refused(complete(client, sent)) == "CONFLICT"
    await pass_time(client.parts, 24)
    await sweep(client.parts.engine)
    async with client.parts.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM image_uploads"))).scalar() == 0
    assert await refused(complete(client, upload)) == "NOT_FOUND"


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_a_url_that_has_expired_takes_nothing(client: Client) -> None:
    urls = client.parts.studio.uploads.urls
    upload = await create(client)
    async with client.parts.engine.connect() as connection:
        key, then = (
            await connection.execute(text("SELECT object_key, now() - interval '1 second' FROM image_uploads"))
        ).one()
    late = {**upload, "uploadUrl": urls.of(key, "image/png", len(PICTURE), then)}
    assert (await put(late)).status_code == 403
    assert keys_in(client.parts) == set()


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_a_page_of_an_allowed_origin_may_put_there(settings: Settings, database_url: str) -> None:
    async with serving(settings.model_copy(update={"allowed_origins": (STUDIO,)}), database_url) as client:
        upload = await create(client)
        asked = {"Origin": STUDIO, "Access-Control-Request-Method": "PUT"}
        preflight = {**asked, "Access-Control-Request-Headers": "content-type"}
        allowed = await client.http.options(upload["uploadUrl"], headers=preflight)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, STUDIO)
        assert "PUT" in allowed.headers["access-control-allow-methods"]
        assert (await put(upload, Origin=STUDIO)).headers["access-control-allow-origin"] == STUDIO
