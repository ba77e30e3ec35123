"""Projects and assets: made, changed, read back."""

from typing import Any

import pytest

from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROJECT = "id slug name status version settings { newScopeGenerationsLimit }"
ASSET = "id type label metadata content version project { id }"
CREATE_PROJECT = (
    f"mutation($input: CreateProjectInput!) {{ createProject(input: $input) {{ project {{ {PROJECT} }} }} }}"
)
UPDATE_PROJECT = (
    f"mutation($input: UpdateProjectInput!) {{ updateProject(input: $input) {{ project {{ {PROJECT} }} }} }}"
)
CREATE_ASSET = f"mutation($input: CreateAssetInput!) {{ createAsset(input: $input) {{ asset {{ {ASSET} }} }} }}"
UPDATE_ASSET = f"mutation($input: UpdateAssetInput!) {{ updateAsset(input: $input) {{ asset {{ {ASSET} }} }} }}"


async def _changed(client: Client, mutation: str, field: str, /, **given: Any) -> dict[str, Any]:
    payload = (await client.ask(mutation, input=given))[field]
    changed: dict[str, Any] = payload["project" if "Project" in field else "asset"]
    return changed


async def test_a_project_is_made_changed_and_found_by_its_slug(client: Client) -> None:
    made = await _changed(client, CREATE_PROJECT, "createProject", name="Winter campaign")
    changes = {"name": "Winter", "status": "ARCHIVED", "settings": {"newScopeGenerationsLimit": 7}}
    changed = await _changed(client, UPDATE_PROJECT, "updateProject", id=made["id"], expectedVersion=1, **changes)
    assert (made["slug"], made["version"]) == ("winter-campaign", 1)
    assert changed == {**made, **changes, "version": 2}
    found = await client.ask(f'{{ project(slug: "winter-campaign") {{ {PROJECT} }} }}')
    assert found["project"] == changed


async def test_a_project_takes_only_a_template_that_names_files(client: Client) -> None:
    good, bad = "{season}{episode}_{sequence}-{plan}_{task}_v{version:03}.{ext}", "{episode}/{plan}.{ext}"
    made = await _changed(client, CREATE_PROJECT, "createProject", name="Season 2", settings={"nomenclature": good})
    for mutation, given in ((CREATE_PROJECT, {"name": "Season 3"}), (UPDATE_PROJECT, {"id": made["id"]})):
        with pytest.raises(
            GraphQLFailure, match=r"settings\.nomenclature: '/' cannot stand in a name: use "
        ) as refused:
            await client.ask(mutation, input={**given, "settings": {"nomenclature": bad}})
        assert (refused.value.code, refused.value.field) == ("NOMENCLATURE_INVALID", "settings.nomenclature")
    found = await client.ask("{ projects { nodes { slug version settings { nomenclature } } } }")
    kept = {"slug": "season-2", "version": 1, "settings": {"nomenclature": good}}
    assert [node for node in found["projects"]["nodes"] if node["slug"] != "website"] == [kept]


async def test_a_project_lists_by_its_status(client: Client) -> None:
    made = await _changed(client, CREATE_PROJECT, "createProject", name="Old")
    await _changed(client, UPDATE_PROJECT, "updateProject", id=made["id"], status="ARCHIVED")
    listed = await client.ask(
        "{ a: projects(status: ACTIVE) { nodes { slug } } b: projects(status: ARCHIVED) { nodes { slug } } }"
    )
    assert [[node["slug"] for node in page["nodes"]] for page in listed.values()] == [["website"], ["old"]]


async def test_an_asset_is_made_changed_and_listed_by_its_type(client: Client) -> None:
    project_id = client.key.projectId
    given = {"projectId": project_id, "type": "PROMPT", "label": "Tone", "content": "Warm and calm"}
    made = await _changed(client, CREATE_ASSET, "createAsset", **given)
    changed = await _changed(client, UPDATE_ASSET, "updateAsset", id=made["id"], label="Voice", metadata={"by": "ana"})
    assert changed == {**made, "label": "Voice", "metadata": {"by": "ana"}, "version": 2}
    listed = await client.ask(f"{{ project {{ assets(type: PROMPT) {{ nodes {{ {ASSET} }} }} }} }}")
    assert listed["project"]["assets"]["nodes"] == [changed]
