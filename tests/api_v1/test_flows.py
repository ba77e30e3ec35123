"""Flows at `/api/v1/flows`."""

from typing import Any

import pytest

from tests.api_v1.calling import UNKNOWN, a_flow, call, get, picture, told
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_flow_is_begun_with_what_is_known_of_it(client: Client) -> None:
    answer = await call(client, "POST", "/flows", {"meta": {"name": "Product Images Campaign"}})
    flow = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"{client.url}/api/v1/flows/{flow['id']}")
    assert list(flow) == [
        "id", "projectId", "aliases", "generationCount", "imageCount", "meta", "createdAt", "updatedAt",
    ]  # fmt: skip
    assert (flow["projectId"], flow["meta"]) == (client.key.projectId, {"name": "Product Images Campaign"})
    assert (flow["aliases"], flow["generationCount"], flow["imageCount"]) == ({}, 0, 0)
    assert await get(client, f"/flows/{flow['id']}") == flow


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}])
async def test_a_flow_needs_nothing_to_be_begun(client: Client, headers: dict[str, str]) -> None:
    answer = await call(client, "POST", "/flows", headers=headers)
    assert (answer.status_code, answer.json()["meta"]) == (201, {})


async def test_aliases_are_merged_and_removed_one_by_one(client: Client) -> None:
    first, second = await picture(client, "Kite"), await picture(client, "Sea")
    flow = await a_flow(client, hero=first)
    named = {"aliases": {"@hero": second, "@background": first}}
    answer = await call(client, "PUT", f"/flows/{flow['id']}/aliases", named)
    assert (answer.status_code, answer.json()["aliases"]) == (200, {"@background": first, "@hero": second})

    left = await call(client, "DELETE", f"/flows/{flow['id']}/aliases/@hero")
    assert (left.status_code, left.json()["id"], left.json()["aliases"]) == (200, flow["id"], {"@background": first})
    again = await call(client, "DELETE", f"/flows/{flow['id']}/aliases/%40hero")
    assert told(again) == (404, "ALIAS_NOT_FOUND", "alias")


@pytest.mark.parametrize(("aliases", "refusal"), [
    (None, (400, "VALIDATION_ERROR", "aliases")),
    ([], (400, "VALIDATION_ERROR", "aliases")),
    ({"@hero": 7}, (400, "VALIDATION_ERROR", "aliases")),
    ({"@hero": None}, (400, "VALIDATION_ERROR", "aliases")),
    ({"hero": UNKNOWN}, (400, "ALIAS_INVALID", "aliases")),
    ({"@last": UNKNOWN}, (400, "ALIAS_RESERVED", "aliases")),
    ({"@hero": UNKNOWN}, (404, "IMAGE_NOT_FOUND", "aliases")),
    ({"@hero": "x"}, (404, "IMAGE_NOT_FOUND", "aliases")),
    ({f"@{number}": f"{number}" for number in range(60_000)}, (400, "VALIDATION_ERROR", "aliases")),
])  # fmt: skip
async def test_only_images_of_the_project_get_names(
    client: Client, aliases: Any, refusal: tuple[int, str, str]
) -> None:
    flow = await a_flow(client)
    answer = await call(client, "PUT", f"/flows/{flow['id']}/aliases", {"aliases": aliases})
    assert told(answer) == refusal


async def test_a_deleted_flow_takes_its_names_along_and_leaves_the_images(client: Client) -> None:
    id_ = await picture(client)
    flow = await a_flow(client, hero=id_)
    answer = await call(client, "DELETE", f"/flows/{flow['id']}")
    assert (answer.status_code, answer.json()) == (200, {"id": flow["id"], "deleted": True})
    assert (await get(client, f"/images/{id_}"))["id"] == id_
    for path in (f"/flows/{flow['id']}", f"/flows/{flow['id']}/images", f"/flows/{flow['id']}/generations"):
        assert told(await call(client, "GET", path)) == (404, "FLOW_NOT_FOUND", None)
