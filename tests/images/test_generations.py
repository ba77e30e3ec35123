"""Generations as studio front ends see them."""

from typing import Any

import pytest

from tests.images.generating import GENERATION, change, create, ended, made, read
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def update(client: Client, id: str, **input_: Any) -> dict[str, Any]:
    answer = f"generation {{ {GENERATION} }}"
    changed: dict[str, Any] = await change(client, "updateGeneration", "UpdateGeneration", answer, id=id, **input_)
    return changed["generation"]  # type: ignore[no-any-return]


async def regenerate(client: Client, id: str) -> dict[str, Any]:
    changed = await change(client, "regenerateGeneration", "Generation", f"generation {{ {GENERATION} }}", id=id)
    return changed["generation"]  # type: ignore[no-any-return]


async def refused(attempt: Any) -> GraphQLFailure:
    with pytest.raises(GraphQLFailure) as failure:
        await attempt
    return failure.value


async def bytes_of(client: Client, image: dict[str, Any]) -> tuple[str, bytes]:
    answer = await client.http.get(image["storageUrl"])
    assert answer.status_code == 200
    return answer.headers["etag"], answer.content


async def test_a_generation_is_enhanced_drawn_and_kept(client: Client) -> None:
    asked = await create(client, "шикарная моторная яхта", meta={"tags": ["demo"]}, aspectRatio="16:9")
    assert (asked["status"], asked["prompt"], asked["outputImage"]) == ("PENDING", "шикарная моторная яхта", None)
    done = await ended(client, asked["id"])
    assert (done["status"], done["autoEnhance"], done["template"]) == ("SUCCESS", True, "GENERAL")
    assert done["originalPrompt"] == "шикарная моторная яхта" != done["prompt"]
    assert done["outputImage"]["generation"]["id"] == done["id"]
    assert (done["processingTimeMs"] > 0, done["cost"], done["retryCount"]) == (True, None, 0)
    assert done["meta"] == {"tags": ["demo"]}


async def test_without_enhancement_the_prompt_is_drawn_as_it_is(client: Client) -> None:
    done = await made(client, "a cat", autoEnhance=False)
    assert (done["prompt"], done["originalPrompt"], done["template"]) == ("a cat", "a cat", None)


@pytest.mark.parametrize("more", [{"template": "COMIC"}, {"enhancementOptions": {"template": "comic"}}])
async def test_the_template_may_be_named_here_or_there(client: Client, more: dict[str, Any]) -> None:
    assert (await create(client, **more))["template"] == "COMIC"


async def test_regeneration_keeps_ids_and_addresses_and_changes_the_bytes(client: Client) -> None:
    first = await made(client, alias="@hero")
    before = await bytes_of(client, first["outputImage"])
    again = await regenerate(client, first["id"])
    assert (again["status"], again["retryCount"], again["outputImage"]["id"]) == (
        "PENDING",
        1,
        first["outputImage"]["id"],
    )
    second = await ended(client, first["id"])
    old, new = first["outputImage"], second["outputImage"]
    kept = ("id", "alias", "storageKey", "storageUrl")
    assert [new[name] for name in kept] == [old[name] for name in kept]
    after = await bytes_of(client, new)
    assert (after[0] != before[0], after[1] != before[1], new["fileHash"] != old["fileHash"]) == (True, True, True)
    images = await client.ask("{ project { images { totalCount } generations { totalCount } } }")
    assert images["project"] == {"images": {"totalCount": 1}, "generations": {"totalCount": 1}}


async def test_the_seed_of_an_image_makes_it_again(client: Client) -> None:
    query = "query($id: ID!) { generation(id: $id) { seed outputImage { seed fileHash } } }"

    async def made_with(**more: Any) -> Any:
        done = await made(client, autoEnhance=False, **more)
        return (await client.ask(query, id=done["id"]))["generation"]

    first = await made_with()
    again = await made_with(seed=int(first["outputImage"]["seed"]))
    assert (first["seed"], again["seed"]) == (None, int(first["outputImage"]["seed"]))
    assert again["outputImage"] == first["outputImage"]


async def test_only_another_prompt_or_ratio_makes_the_image_again(client: Client) -> None:
    done = await made(client)
    same = await update(client, done["id"], meta={"a": 1}, prompt=done["originalPrompt"])
    assert (same["status"], same["meta"], same["retryCount"]) == ("SUCCESS", {"a": 1}, 0)
    assert (await update(client, done["id"], aspectRatio="16:9"))["status"] == "PENDING"
    wide = await ended(client, done["id"])
    assert (wide["status"], wide["aspectRatio"], wide["retryCount"]) == ("SUCCESS", "16:9", 1)
    other = await update(client, done["id"], prompt="A blue boat")
    assert (other["status"], other["originalPrompt"]) == ("PENDING", "A blue boat")
    drawn = await ended(client, done["id"])
    assert ("blue boat" in drawn["prompt"].lower(), drawn["outputImage"]["id"]) == (True, done["outputImage"]["id"])


async def test_a_pending_generation_is_made_anew_and_the_run_before_is_stopped(client: Client) -> None:
    asked = await create(client)
    await regenerate(client, asked["id"])
    await regenerate(client, asked["id"])
    done = await ended(client, asked["id"])
    assert (done["status"], done["retryCount"]) == ("SUCCESS", 2)
    runs = (await client.ask("{ project { runs { nodes { status } } } }"))["project"]["runs"]["nodes"]
    assert [run["status"] for run in runs].count("SUCCEEDED") == 1
    images = (await client.ask("{ project { images { totalCount } } }"))["project"]["images"]
    assert images["totalCount"] == 1


async def test_the_flow_of_a_generation_is_new_none_or_the_one_that_is_named(client: Client) -> None:
    new = await create(client)
    assert (new["flowId"] is not None, new["flow"]) == (True, None)
    none = await create(client, flowId=None)
    assert (none["flowId"], none["flow"]) == (None, None)
    named = await create(client, flowId=new["flowId"])
    assert named["flow"]["id"] == new["flowId"]
    assert (await read(client, new["id"]))["flow"]["id"] == new["flowId"]
    eager = await create(client, flowAlias="@start")
    assert eager["flow"]["id"] == eager["flowId"] != new["flowId"]
    done = await ended(client, eager["id"])
    aliases = done["flow"]["aliases"]
    assert aliases == [{"alias": "@start", "image": {"id": done["outputImage"]["id"]}}]
    moved = await update(client, done["id"], flowId=None)
    assert (moved["flowId"], moved["outputImage"]["flow"]) == (None, None)
    back = await update(client, done["id"], flowId=new["flowId"])
    assert back["outputImage"]["flow"]["id"] == new["flowId"]


async def test_references_are_settled_when_work_starts(client: Client) -> None:
    first = await made(client, "A red kite", alias="@kite")
    second = await made(client, "A boat", referenceImages=["@kite", first["outputImage"]["id"], "@last"])
    assert [image["id"] for image in second["referenceImages"]] == [first["outputImage"]["id"]] * 3
    failure = await refused(create(client, referenceImages=["@nobody"]))
    assert (failure.code, failure.field) == ("ALIAS_NOT_FOUND", "referenceImages")
    failure = await refused(create(client, referenceImages=["nonsense"]))
    assert (failure.code, failure.field) == ("VALIDATION_ERROR", "referenceImages")


async def test_an_alias_is_taken_from_the_moment_it_is_asked_for(client: Client) -> None:
    asked = await create(client, alias="@hero")
    failure = await refused(create(client, alias="@hero"))
    assert (failure.code, failure.errors[0]["message"]) == ("ALIAS_CONFLICT", "Alias already exists")
    assert (await ended(client, asked["id"]))["outputImage"]["alias"] == "@hero"
    other = await made(client)
    assign = change(
        client, "assignImageAlias", "AssignImageAlias", "image { id }", id=other["outputImage"]["id"], alias="@hero"
    )
    assert (await refused(assign)).code == "ALIAS_CONFLICT"


async def test_a_deleted_generation_takes_its_image_along_unless_that_has_a_name(client: Client) -> None:
    plain, named = await made(client), await made(client, alias="@kept")
    for one in (plain, named):
        gone = await change(client, "deleteGeneration", "Generation", "generation { deletedAt }", id=one["id"])
        assert gone["generation"]["deletedAt"] is not None
    found = await client.ask(
        "query($a: ID!, $b: ID!) { a: image(id: $a) { id } b: image(id: $b) { deletedAt } }",
        a=plain["outputImage"]["id"],
        b=named["outputImage"]["id"],
    )
    assert (found["a"], found["b"]["deletedAt"] is not None) == (None, True)
    assert (await client.http.get(plain["outputImage"]["storageUrl"])).status_code == 404
    lists = "generations { totalCount } images { totalCount }"
    both = "generations(includeDeleted: true) { totalCount }"
    counted = await client.ask(f"{{ project {{ {lists} }} all: project {{ {both} }} }}")
    assert counted["project"] == {"generations": {"totalCount": 0}, "images": {"totalCount": 0}}
    assert counted["all"] == {"generations": {"totalCount": 2}}
    assert (await refused(regenerate(client, named["id"]))).code == "GENERATION_NOT_FOUND"
    assert (await refused(create(client, alias="@kept"))).code == "ALIAS_CONFLICT"


async def test_an_image_that_is_deleted_leaves_its_generation_which_can_make_another(client: Client) -> None:
    done = await made(client)
    await change(client, "deleteImage", "Image", "deletedId", id=done["outputImage"]["id"])
    assert (await read(client, done["id"]))["outputImage"] is None
    await regenerate(client, done["id"])
    again = await ended(client, done["id"])
    assert (again["status"], again["outputImage"]["id"] != done["outputImage"]["id"]) == ("SUCCESS", True)


async def test_a_flow_makes_its_newest_generation_again(client: Client) -> None:
    first = await made(client, flowAlias="@a")
    second = await made(client, "A boat", flowId=first["flowId"])
    answer = await change(client, "regenerateFlow", "Flow", "generation { id retryCount }", id=first["flowId"])
    assert answer["generation"] == {"id": second["id"], "retryCount": 1}
    counts = "query($id: ID!) { flow(id: $id) { generationCount imageCount generations { nodes { id } } } }"
    flow = (await client.ask(counts, id=first["flowId"]))["flow"]
    assert (flow["generationCount"], flow["imageCount"]) == (2, 2)
    assert [node["id"] for node in flow["generations"]["nodes"]] == [second["id"], first["id"]]
    empty = (await change(client, "createFlow", "CreateFlow", "flow { id }"))["flow"]
    assert (await refused(change(client, "regenerateFlow", "Flow", "generation { id }", id=empty["id"]))).code == (
        "GENERATION_NOT_FOUND"
    )
    await change(client, "deleteFlow", "Flow", "deletedId", id=first["flowId"])
    assert (await read(client, first["id"]))["flowId"] is None


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"prompt": "  "}, "VALIDATION_ERROR", "prompt"),
        ({"prompt": "x" * 4_001}, "VALIDATION_ERROR", "prompt"),
        ({"aspectRatio": "7:5"}, "VALIDATION_ERROR", "aspectRatio"),
        ({"alias": "hero"}, "ALIAS_INVALID", "alias"),
        ({"alias": "@last"}, "ALIAS_RESERVED", "alias"),
        ({"flowAlias": "@hero", "flowId": None}, "VALIDATION_ERROR", "flowAlias"),
        ({"flowId": "nonsense"}, "VALIDATION_ERROR", "flowId"),
        ({"enhancementOptions": {"x": 1}}, "VALIDATION_ERROR", "enhancementOptions"),
        ({"enhancementOptions": {"template": 7}}, "VALIDATION_ERROR", "enhancementOptions.template"),
        ({"template": "COMIC", "enhancementOptions": {"template": "sticker"}}, "VALIDATION_ERROR", "template"),
        ({"referenceImages": ["@a"] * 9}, "VALIDATION_ERROR", "referenceImages"),
        ({"seed": -1}, "VALIDATION_ERROR", "seed"),
    ],
)
async def test_what_cannot_be_is_refused(client: Client, more: dict[str, Any], code: str, field: str) -> None:
    failure = await refused(create(client, **more))
    assert (failure.code, failure.field) == (code, field)


async def test_another_tenant_finds_nothing(client: Client, spy: Client) -> None:
    done = await made(client, alias="@mine")
    assert (await spy.ask("query($id: ID!) { generation(id: $id) { id } }", id=done["id"]))["generation"] is None
    assert (await refused(regenerate(spy, done["id"]))).code == "GENERATION_NOT_FOUND"
    failure = await refused(create(spy, referenceImages=[done["outputImage"]["id"]]))
    assert failure.code == "IMAGE_NOT_FOUND"
    await create(client, flowId=done["flowId"])
    assert (await refused(create(spy, flowId=done["flowId"], flowAlias="@x"))).code == "FLOW_NOT_FOUND"
