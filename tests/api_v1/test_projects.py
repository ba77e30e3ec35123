"""Which project a request of `/api/v1` is about, and that there is no other for it."""

import pytest

from tests.api.people import person, set_member
from tests.api_v1.calling import UNKNOWN, a_flow, a_project, call, get, key_of, picture, told
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTS = ("/flows", "/images", "/generations", "/live/scopes")


async def test_a_key_that_stands_for_no_project_names_one(client: Client) -> None:
    of_nothing, here = await key_of(client), {"X-Project-Id": client.key.projectId}
    flow = (await a_flow(client))["id"]
    for method, path in (*(("GET", path) for path in LISTS), ("GET", f"/flows/{flow}"), ("POST", "/flows")):
        answer = await call(client, method, path, headers=of_nothing)
        assert told(answer) == (400, "VALIDATION_ERROR", "projectId")
        assert (await call(client, method, path, headers={**of_nothing, **here})).is_success
    named = await call(client, "POST", "/flows", {"projectId": client.key.projectId}, headers=of_nothing)
    assert (named.status_code, named.json()["projectId"]) == (201, client.key.projectId)


async def test_one_project_is_all_that_a_request_sees(client: Client) -> None:
    shop = {"X-Project-Id": await a_project(client)}
    image = await picture(client)
    flow = (await a_flow(client, hero=image))["id"]
    await call(client, "PUT", f"/images/{image}/alias", {"alias": "@hero"})
    for path in LISTS:
        assert (await call(client, "GET", path, headers=shop)).json()["data"] == []
    for method, path, body, code in _touching(flow, image):
        answer = await call(client, method, path, body, headers=shop)
        assert told(answer)[:2] == (404, code), path
    assert (await get(client, f"/flows/{flow}"))["aliases"] == {"@hero": image}

    theirs = (await call(client, "POST", "/flows", {}, headers=shop)).json()
    assert theirs["projectId"] == shop["X-Project-Id"]
    assert told(await call(client, "GET", f"/flows/{theirs['id']}")) == (404, "FLOW_NOT_FOUND", None)


async def test_another_organizations_ids_are_not_there(client: Client, spy: Client) -> None:
    image = await picture(client)
    flow = (await a_flow(client, hero=image))["id"]
    for method, path, body, code in _touching(flow, image):
        assert told(await call(spy, method, path, body))[:2] == (404, code), path
    own = (await a_flow(spy))["id"]
    answer = await call(spy, "PUT", f"/flows/{own}/aliases", {"aliases": {"@hero": image}})
    assert told(answer)[:2] == (404, "IMAGE_NOT_FOUND")
    for project in (client.key.projectId, UNKNOWN, "x", "%00"):
        answer = await call(spy, "GET", "/images", headers={"X-Project-Id": project})
        assert told(answer) == (404, "PROJECT_NOT_FOUND", "projectId")
        answer = await call(spy, "POST", "/flows", {"projectId": project})
        assert told(answer) == (404, "PROJECT_NOT_FOUND", "projectId")


async def test_a_key_of_one_project_names_no_other(client: Client) -> None:
    shop = await a_project(client)
    confined = await key_of(client, projectId=shop)
    assert (await call(client, "GET", "/flows", headers=confined)).json()["data"] == []
    answer = await call(client, "GET", "/flows", headers={**confined, "X-Project-Id": client.key.projectId})
    assert told(answer) == (404, "PROJECT_NOT_FOUND", "projectId")


async def test_a_person_does_in_a_project_what_their_role_there_allows(client: Client) -> None:
    shop = {"X-Project-Id": await a_project(client)}
    await set_member(client, "mira", "VIEWER")
    await set_member(client, "mira", "EDITOR", projectId=shop["X-Project-Id"])
    async with person(client, "mira") as mira:
        assert (await call(mira, "GET", "/flows")).status_code == 200
        assert told(await call(mira, "POST", "/flows", {})) == (403, "FORBIDDEN", None)
        assert (await call(mira, "POST", "/flows", {}, headers=shop)).status_code == 201


async def test_a_project_is_the_same_however_its_id_is_spelt(client: Client) -> None:
    flow = (await a_flow(client))["id"]
    for spelt in (client.key.projectId, client.key.projectId.upper()):
        answer = await call(client, "GET", f"/flows/{flow.upper()}", headers={"X-Project-Id": spelt})
        assert (answer.status_code, answer.json()["id"]) == (200, flow)
    answer = await call(
        client, "GET", f"/flows/{flow}", headers={"X-Project-Id": client.key.projectId.replace("-", "")}
    )
    assert told(answer) == (404, "PROJECT_NOT_FOUND", "projectId")


def _touching(flow: str, image: str) -> list[tuple[str, str, object, str]]:
    """Every way to touch a flow, its image and its name."""
    named = {"aliases": {"@sea": image}}
    return [
        ("GET", f"/flows/{flow}", None, "FLOW_NOT_FOUND"),
        ("GET", f"/flows/{flow}/images", None, "FLOW_NOT_FOUND"),
        ("GET", f"/flows/{flow}/generations", None, "FLOW_NOT_FOUND"),
        ("PUT", f"/flows/{flow}/aliases", named, "FLOW_NOT_FOUND"),
        ("DELETE", f"/flows/{flow}/aliases/@hero", None, "FLOW_NOT_FOUND"),
        ("DELETE", f"/flows/{flow}", None, "FLOW_NOT_FOUND"),
        ("GET", f"/images/{image}", None, "IMAGE_NOT_FOUND"),
        ("PUT", f"/images/{image}", {"meta": {}}, "IMAGE_NOT_FOUND"),
        ("PUT", f"/images/{image}/alias", {"alias": "@mine"}, "IMAGE_NOT_FOUND"),
        ("DELETE", f"/images/{image}", None, "IMAGE_NOT_FOUND"),
        ("GET", "/images/resolve/@hero", None, "ALIAS_NOT_FOUND"),
        ("GET", f"/images/resolve/@hero?flowId={flow}", None, "ALIAS_NOT_FOUND"),
    ]
