"""Images at `/api/v1/images`: what is told of them, changed, and called by which name."""

import re
from typing import Any

import pytest

from tests.api_v1.calling import UNKNOWN, a_flow, call, get, picture, told
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_image_has_the_fields_that_were_promised_in_their_order(client: Client) -> None:
    image = await get(client, f"/images/{(id_ := await picture(client))}")
    assert list(image) == [
        "id", "projectId", "flowId", "storageKey", "storageUrl", "mimeType", "fileSize", "width", "height", "source",
        "alias", "focalPoint", "fileHash", "generationId", "apiKeyId", "meta", "createdAt", "updatedAt", "deletedAt",
        "fileName", "cdnUrl",
    ]  # fmt: skip
    assert (image["id"], image["projectId"], image["source"]) == (id_, client.key.projectId, "generated")
    assert image["storageUrl"] == f"{client.url}/storage/{image['storageKey']}"
    assert image["cdnUrl"].startswith(f"{client.url}/cdn/acme/{client.key.projectSlug}/img/{image['fileName']}?v=")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", image["createdAt"])
    unset = ("flowId", "alias", "focalPoint", "deletedAt")
    assert [image[name] for name in unset] == [None] * 4
    for url in (image["storageUrl"], image["cdnUrl"]):
        shown = await client.http.get(url)
        assert (shown.headers["content-type"], len(shown.content)) == (image["mimeType"], image["fileSize"])


async def test_what_is_known_of_an_image_and_its_name_change_together(client: Client) -> None:
    id_ = await picture(client)
    asked = {"alias": "@new-alias", "focalPoint": {"x": 0.5, "y": 0.3}, "meta": {"description": "Updated"}}
    answer = await call(client, "PUT", f"/images/{id_}", asked)
    assert answer.status_code == 200
    assert answer.json().items() >= asked.items()
    assert (await get(client, f"/images/{id_}"))["alias"] == "@new-alias"

    kept = await call(client, "PUT", f"/images/{id_}", {"meta": {}})
    assert kept.json()["focalPoint"] == {"x": 0.5, "y": 0.3}
    assert (await call(client, "PUT", f"/images/{id_}", {"focalPoint": None})).json()["focalPoint"] is None

    other = await picture(client)
    refused = await call(client, "PUT", f"/images/{other}", {"meta": {"a": 1}, "alias": "@new-alias"})
    assert told(refused) == (409, "ALIAS_CONFLICT", "alias")
    assert refused.json()["error"]["message"] == "Alias already exists"
    assert "a" not in (await get(client, f"/images/{other}"))["meta"]


async def test_an_image_gets_a_name_in_place_of_the_one_it_had(client: Client) -> None:
    id_ = await picture(client)
    for alias in ("@product-hero", "@product-hero", "@hero-bg"):
        answer = await call(client, "PUT", f"/images/{id_}/alias", {"alias": alias})
        assert (answer.status_code, answer.json()["alias"]) == (200, alias)
    assert [image["id"] for image in (await get(client, "/images", alias="@hero-bg"))["data"]] == [id_]
    assert (await get(client, "/images", alias="@product-hero"))["data"] == []


@pytest.mark.parametrize(("body", "code", "field", "message"), [
    ({}, "VALIDATION_ERROR", "alias", "Alias is required"),
    ({"alias": None}, "VALIDATION_ERROR", "alias", "Alias is required"),
    ({"alias": "hero"}, "ALIAS_INVALID", "alias", "alias_format_check"),
    ({"alias": "@" + "x" * 50}, "ALIAS_INVALID", "alias", "alias_format_check"),
    ({"alias": "@last"}, "ALIAS_RESERVED", "alias", "@last is reserved: choose another alias"),
    ({"alias": 7}, "VALIDATION_ERROR", "alias", None),
    ({"alias": "@a", "id": UNKNOWN}, "VALIDATION_ERROR", "id", None),
    ({"alias": "@a", "clientMutationId": "0123456789abcdef"}, "VALIDATION_ERROR", "clientMutationId", None),
])  # fmt: skip
async def test_a_name_that_cannot_be_given_is_refused(
    client: Client, body: dict[str, Any], code: str, field: str, message: str | None
) -> None:
    answer = await call(client, "PUT", f"/images/{await picture(client)}/alias", body)
    assert told(answer) == (400, code, field)
    assert message in {None, answer.json()["error"]["message"]}
    assert ("hint" in answer.json()["error"]) is (code == "ALIAS_INVALID")


@pytest.mark.parametrize(("body", "field"), [
    ({"focalPoint": {"x": 1.1, "y": 0}}, "focalPoint"),
    ({"focalPoint": {"x": 1}}, "focalPoint"),
    ({"focalPoint": "left"}, "focalPoint"),
    ({"meta": []}, "meta"),
    ({"meta": {"a": "x" * 70_000}}, "meta"),
    ({"expectedVersion": 1}, "expectedVersion"),
    ({"source": "uploaded"}, "source"),
])  # fmt: skip
async def test_what_cannot_be_known_of_an_image_is_refused_by_name(
    client: Client, body: dict[str, Any], field: str
) -> None:
    answer = await call(client, "PUT", f"/images/{await picture(client)}", body)
    assert told(answer) == (400, "VALIDATION_ERROR", field)


async def test_a_deleted_image_is_gone_with_its_names(client: Client) -> None:
    id_ = await picture(client)
    flow = await a_flow(client, hero=id_)
    answer = await call(client, "DELETE", f"/images/{id_}")
    assert (answer.status_code, answer.json()) == (200, {"id": id_, "deleted": True})
    assert (await get(client, f"/flows/{flow['id']}"))["aliases"] == {}
    for again in (await call(client, "DELETE", f"/images/{id_}"), await call(client, "GET", f"/images/{id_}")):
        assert told(again) == (404, "IMAGE_NOT_FOUND", None)


async def test_an_alias_means_the_computed_image_then_the_flows_then_the_projects(client: Client) -> None:
    first, second, third = [await picture(client, f"Kite {number}") for number in range(3)]
    flow = (await a_flow(client, hero=second))["id"]
    await call(client, "PUT", f"/images/{third}/alias", {"alias": "@hero"})

    newest = await get(client, "/images/resolve/@last", flowId=flow)
    assert list(newest) == ["alias", "imageId", "scope", "flowId", "image"]
    assert (newest["alias"], newest["scope"], newest["imageId"], newest["flowId"]) == (
        "@last",
        "technical",
        third,
        None,
    )
    assert newest["image"] == await get(client, f"/images/{third}")
    assert (await get(client, "/images/resolve/@first"))["imageId"] == first
    in_flow = await get(client, "/images/resolve/@hero", flowId=flow)
    assert (in_flow["scope"], in_flow["imageId"], in_flow["flowId"]) == ("flow", second, flow)
    in_project = await get(client, "/images/resolve/%40hero", flowId=UNKNOWN)
    assert (in_project["scope"], in_project["imageId"], in_project["flowId"]) == ("project", third, None)


@pytest.mark.parametrize(("alias", "query", "refusal"), [
    ("@nobody", {}, (404, "ALIAS_NOT_FOUND", "alias")),
    ("@upload", {}, (404, "ALIAS_NOT_FOUND", "alias")),
    ("hero", {}, (400, "ALIAS_INVALID", "alias")),
    ("@%00", {}, (400, "ALIAS_INVALID", "alias")),
    ("@" + "x" * 60, {}, (400, "ALIAS_INVALID", "alias")),
    ("@hero", {"flowId": "x"}, (400, "VALIDATION_ERROR", "flowId")),
    ("@hero", {"flow": UNKNOWN}, (400, "VALIDATION_ERROR", "flow")),
])  # fmt: skip
async def test_what_means_no_image_is_said(
    client: Client, alias: str, query: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    assert told(await call(client, "GET", f"/images/resolve/{alias}", **query)) == refusal


async def test_images_are_listed_by_their_source_and_flow(client: Client) -> None:
    id_ = await picture(client)
    assert [image["id"] for image in (await get(client, "/images", source="generated"))["data"]] == [id_]
    assert (await get(client, "/images", source="uploaded"))["pagination"]["total"] == 0
    assert (await get(client, "/images", flowId=UNKNOWN, includeDeleted="true"))["data"] == []
