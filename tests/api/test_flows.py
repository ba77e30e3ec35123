"""Flows, names of images and what is known of them, as front ends see them."""

from typing import Any

import pytest

from domain.errors import DomainError, ErrorCode
from tests.api.asking import finish, start
from tests.engine.crew import until
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLOW = "id version meta imageCount aliases { alias image { id } } images { nodes { id } }"
RESOLVE = """
query($project: ID!, $alias: String!, $flow: ID) { resolveAlias(projectId: $project, alias: $alias, flowId: $flow) {
  alias scope shadowed flow { id } image { id }
} }
"""


async def pictures(client: Client, count: int) -> list[str]:
    """The ids of so many images, the oldest first."""
    found = []
    for number in range(count):
        run = await start(client, f"A kite, number {number}")
        found.append((await finish(client, run["id"]))["images"][0]["id"])
    return found


async def change(client: Client, field: str, answer: str, **input_: Any) -> Any:
    kind = {"deleteFlow": "Flow", "deleteImage": "Image"}.get(field) or field[0].upper() + field[1:]
    query = f"mutation($input: {kind}Input!) {{ {field}(input: $input) {{ {answer} }} }}"
    return (await client.ask(query, input=input_))[field]


async def a_flow(client: Client, **aliases: str) -> dict[str, Any]:
    made = (await change(client, "createFlow", "flow { id }", projectId=client.key.projectId))["flow"]
    named = [{"alias": f"@{alias}", "imageId": id_} for alias, id_ in aliases.items()]
    flow: dict[str, Any] = (await change(client, "setFlowAliases", f"flow {{ {FLOW} }}", id=made["id"], aliases=named))[
        "flow"
    ]
    return flow


async def resolve(client: Client, alias: str, flow: str | None = None) -> Any:
    found = await client.ask(RESOLVE, project=client.key.projectId, alias=alias, flow=flow)
    return found["resolveAlias"]


def aliases_of(flow: dict[str, Any]) -> dict[str, str]:
    return {named["alias"]: named["image"]["id"] for named in flow["aliases"]}


async def code_of(attempt: Any) -> str:
    with pytest.raises(GraphQLFailure) as refused:
        await attempt
    return refused.value.code


async def test_aliases_of_a_flow_are_merged_and_removed_one_by_one(client: Client) -> None:
    first, second = await pictures(client, 2)
    flow = await a_flow(client, hero=first)
    merged = (
        await change(
            client,
            "setFlowAliases",
            f"flow {{ {FLOW} }}",
            id=flow["id"],
            aliases=[{"alias": "@sea", "imageId": second}, {"alias": "@hero", "imageId": second}],
        )
    )["flow"]
    assert aliases_of(merged) == {"@hero": second, "@sea": second}
    left = (await change(client, "removeFlowAlias", f"flow {{ {FLOW} }}", id=flow["id"], alias="@hero"))["flow"]
    assert (aliases_of(left), left["version"]) == ({"@sea": second}, merged["version"] + 1)
    assert (
        await code_of(change(client, "removeFlowAlias", "flow { id }", id=flow["id"], alias="@hero"))
        == "ALIAS_NOT_FOUND"
    )


async def test_only_images_of_the_project_get_names(client: Client, spy: Client) -> None:
    flow, (foreign,) = await a_flow(client), await pictures(spy, 1)
    for id_ in (foreign, "00000000-0000-7000-8000-000000000000", "x"):
        named = [{"alias": "@hero", "imageId": id_}]
        assert (
            await code_of(change(client, "setFlowAliases", "flow { id }", id=flow["id"], aliases=named))
            == "IMAGE_NOT_FOUND"
        )
    (mine,) = await pictures(client, 1)
    for alias, code in (("hero", "ALIAS_INVALID"), ("@last", "ALIAS_RESERVED")):
        named = [{"alias": alias, "imageId": mine}]
        assert await code_of(change(client, "setFlowAliases", "flow { id }", id=flow["id"], aliases=named)) == code


async def test_a_deleted_flow_takes_its_names_along_and_leaves_the_images(client: Client) -> None:
    (image,) = await pictures(client, 1)
    flow = await a_flow(client, hero=image)
    key = {"clientMutationId": "a-key-of-16-chars"}
    for _ in range(2):
        gone = await change(client, "deleteFlow", "deletedId", id=flow["id"], **key)
        assert gone["deletedId"] == flow["id"]
    assert await code_of(change(client, "deleteFlow", "deletedId", id=flow["id"])) == "FLOW_NOT_FOUND"
    found = await client.ask(
        "query($id: ID!, $image: ID!) { flow(id: $id) { id } image(id: $image) { id } }", id=flow["id"], image=image
    )
    assert found == {"flow": None, "image": {"id": image}}


async def test_an_alias_means_the_computed_image_then_the_flows_then_the_projects(client: Client) -> None:
    first, second, third = await pictures(client, 3)
    flow = await a_flow(client, hero=second)
    await change(client, "assignImageAlias", "image { alias }", id=third, alias="@hero")
    newest, oldest = await resolve(client, "@last"), await resolve(client, "@first")
    assert (newest["scope"], newest["image"]["id"], oldest["image"]["id"]) == ("TECHNICAL", third, first)
    assert await resolve(client, "@upload") is None
    in_flow, in_project = await resolve(client, "@hero", flow["id"]), await resolve(client, "@hero")
    assert (in_flow["scope"], in_flow["image"]["id"], in_flow["shadowed"]) == ("FLOW", second, ["PROJECT"])
    assert in_flow["flow"] == {"id": flow["id"]}
    assert (in_project["scope"], in_project["image"]["id"], in_project["shadowed"]) == ("PROJECT", third, [])
    for unknown in ("@nobody", "hero", "@", "@" + "x" * 60):
        assert await resolve(client, unknown, flow["id"]) is None


async def test_a_name_belongs_to_one_image_of_the_project(client: Client) -> None:
    first, second = await pictures(client, 2)
    for alias in ("@logo", "@logo", "@brand"):
        named = await change(client, "assignImageAlias", "image { alias version }", id=first, alias=alias)
        assert named["image"]["alias"] == alias
    assert named["image"]["version"] == 3
    assert (
        await code_of(change(client, "assignImageAlias", "image { id }", id=second, alias="@brand")) == "ALIAS_CONFLICT"
    )
    assert (await change(client, "assignImageAlias", "image { alias }", id=second, alias="@logo"))["image"] == {
        "alias": "@logo"
    }


async def test_what_is_known_of_an_image_can_be_changed(client: Client) -> None:
    (image,) = await pictures(client, 1)
    point = {"x": 0.25, "y": 1}
    changed = await change(
        client, "updateImage", "image { focalPoint { x y } meta version }", id=image, focalPoint=point, meta={"a": [1]}
    )
    assert changed["image"] == {"focalPoint": {"x": 0.25, "y": 1.0}, "meta": {"a": [1]}, "version": 2}
    stale = change(client, "updateImage", "image { id }", id=image, expectedVersion=1, meta={})
    assert await code_of(stale) == "CONFLICT"
    for wrong in ({"x": -0.1, "y": 0}, {"x": 0, "y": 1.1}, {"x": -1, "y": -1}):
        assert (
            await code_of(change(client, "updateImage", "image { id }", id=image, focalPoint=wrong))
            == "VALIDATION_ERROR"
        )


async def test_a_focal_point_is_taken_away_by_null_alone(client: Client) -> None:
    (image,) = await pictures(client, 1)
    shown = "image { focalPoint { x y } }"
    await change(client, "updateImage", shown, id=image, focalPoint={"x": 0.25, "y": 1})
    kept = await change(client, "updateImage", shown, id=image, meta={"a": 1})
    assert kept["image"] == {"focalPoint": {"x": 0.25, "y": 1.0}}
    assert (await change(client, "updateImage", shown, id=image, focalPoint=None))["image"] == {"focalPoint": None}


async def test_a_deleted_image_is_gone_with_its_bytes_and_names(client: Client) -> None:
    (image,) = await pictures(client, 1)
    url = (await client.ask("query($id: ID!) { image(id: $id) { storageUrl } }", id=image))["image"]["storageUrl"]
    key = url.partition("/storage/")[2]
    flow = await a_flow(client, hero=image)
    assert (await change(client, "deleteImage", "deletedId", id=image))["deletedId"] == image
    found = await client.ask(
        f"query($id: ID!, $image: ID!) {{ flow(id: $id) {{ {FLOW} }} image(id: $image) {{ id }} }}",
        id=flow["id"],
        image=image,
    )
    assert (found["image"], aliases_of(found["flow"])) == (None, {})
    assert (await client.http.get(url)).status_code == 404

    async def bytes_are_gone() -> bool:
        try:
            await client.parts.objects.get(key)
        except DomainError as error:
            return error.code is ErrorCode.NOT_FOUND
        return False

    await until(bytes_are_gone)


async def test_a_transformed_picture_is_made_anew_when_its_focal_point_has_changed(client: Client) -> None:
    (image,) = await pictures(client, 1)
    nodes = [
        {"id": "ask", "kind": "input", "config": {"name": "image", "type": "image"}},
        {"id": "cut", "kind": "transform_image", "config": {"width": 64, "height": 256}},
        {"id": "show", "kind": "output", "config": {"name": "image"}},
    ]
    edges = [{"source": "ask", "target": "cut"}, {"source": "cut", "target": "show"}]
    made = await client.ask(
        "mutation($input: CreateWorkflowInput!) { createWorkflow(input: $input) { workflow { id } } }",
        input={"projectId": client.key.projectId, "name": "Cut", "nodes": nodes, "edges": edges},
    )
    hashes = []
    for point in ({"x": 0.0, "y": 0.5}, {"x": 1.0, "y": 0.5}, {"x": 1.0, "y": 0.5}):
        await change(client, "updateImage", "image { id }", id=image, focalPoint=point)
        run = await client.ask(
            "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }",
            input={"workflowId": made["createWorkflow"]["workflow"]["id"], "inputs": {"image": image}},
        )
        await finish(client, run["startRun"]["run"]["id"])
        told = await client.ask("query($id: ID!) { run(id: $id) { outputs } }", id=run["startRun"]["run"]["id"])
        hashes.append(told["run"]["outputs"]["image"]["fileHash"])
    assert hashes[0] != hashes[1] == hashes[2]
