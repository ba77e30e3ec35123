"""Pictures brought to `/api/v1/images/upload`, by the manual's own example and its neighbours."""

from io import BytesIO
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.api_v1.calling import KEY, UNKNOWN, a_project, get, key_of, told
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


def png(colour: str = "red") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return buffer.getvalue()


async def upload(
    client: Client, data: bytes | None = None, headers: dict[str, str] | None = None, **fields: Any
) -> httpx2.Response:
    files = {"file": ("image.png", png() if data is None else data, "image/png")}
    return await client.http.post("/api/v1/images/upload", files=files, data=fields, headers=headers)


async def test_an_uploaded_picture_is_an_image_like_any_other(client: Client) -> None:
    flow = UNKNOWN[:-4] + client.key.projectId[-4:]
    answer = await upload(client, alias="@product-hero", flowId=flow, flowAlias="@hero", meta='{"a": 1}')
    image = answer.json()
    assert (answer.status_code, image["source"], image["alias"]) == (201, "uploaded", "@product-hero")
    assert (image["width"], image["height"], image["meta"], image["flowId"]) == (64, 48, {"a": 1}, flow)
    assert image == await get(client, f"/images/{image['id']}")
    assert (await get(client, f"/flows/{flow}"))["aliases"] == {"@hero": image["id"]}
    assert (await get(client, "/images/resolve/@upload"))["imageId"] == image["id"]
    assert [one["id"] for one in (await get(client, "/images", source="uploaded"))["data"]] == [image["id"]]
    shown = await client.http.get(image["storageUrl"])
    assert (shown.status_code, len(shown.content)) == (200, image["fileSize"])


async def test_the_same_key_gets_the_same_bytes(client: Client) -> None:
    first, again = await upload(client, headers=KEY), await upload(client, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)
    other = await upload(client, png("blue"), headers=KEY)
    assert told(other) == (409, "CONFLICT", "Idempotency-Key")
    assert (await get(client, "/images"))["pagination"]["total"] == 1


async def test_what_is_no_picture_is_refused_in_the_same_shape(client: Client) -> None:
    assert told(await upload(client, b"no picture"))[:2] == (400, "VALIDATION_ERROR")
    large = await upload(client, b"x" * (5 * 1024 * 1024 + 1))
    assert told(large) == (400, "VALIDATION_ERROR", "file")
    assert large.json()["error"]["message"] == "File too large"
    assert told(await upload(client, alias="hero")) == (400, "ALIAS_INVALID", "alias")
    got = await client.http.get("/api/v1/images/upload")
    assert told(got)[0] in {404, 405}
    assert (await get(client, "/images"))["pagination"]["total"] == 0


async def test_a_picture_belongs_to_the_project_that_is_named(client: Client, spy: Client) -> None:
    shop = {"X-Project-Id": await a_project(client)}
    image = (await upload(client, headers=shop)).json()
    assert image["projectId"] == shop["X-Project-Id"]
    assert (await get(client, "/images"))["pagination"]["total"] == 0
    assert told(await upload(spy, headers=shop)) == (404, "PROJECT_NOT_FOUND", "projectId")
    narrow = await key_of(client, scopes=["images:read"], projectId=client.key.projectId)
    assert told(await upload(client, headers=narrow)) == (403, "FORBIDDEN", None)
