"""What a batch is refused for, what a dry run says, and where graphs, styles and source pictures come from."""

from decimal import Decimal
from typing import Any

import pytest

from domain.assets import Asset, AssetType, CreateAsset
from domain.ids import Id
from domain.projects import Project
from domain.shots.examples import example_graph
from domain.shots.files import ShotFile
from domain.shots.name_fields import ShotTask
from domain.shots.names import ShotName
from tests.shots.crew import SEED, Studio
from tests.studio import GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREVIEW = """
    query($input: StartShotBatchInput!) {
        previewShotBatch(input: $input) { fileNames problems { code message nodeId } quote }
    }
"""


TOO_MANY = [{"sequenceId": "SQ0010", "plans": [f"{n:04}" for n in range(2_001)]}]


async def previewed(studio: Studio, **changes: Any) -> Any:
    given = {"projectId": studio.owner.project_id, **SEED, **changes}
    return (await studio.client.ask(PREVIEW, input=given))["previewShotBatch"]


async def refusal(studio: Studio, **changes: Any) -> GraphQLFailure:
    with pytest.raises(GraphQLFailure) as refused:
        await studio.started(**changes)
    assert (
        await studio.owner.parts.studio.reads.many(ShotFile, studio.owner.actor, project_id=studio.owner.project_id)
        == []
    )
    return refused.value


async def test_a_dry_run_tells_the_names_and_writes_nothing(studio: Studio) -> None:
    told = await previewed(studio)
    assert told["fileNames"] == [f"E202_SQ0010-{plan}_AI-concept_v0001.png" for plan in ("0010", "0020", "0030")]
    assert (told["problems"], Decimal(told["quote"])) == ([], Decimal(0))
    assets = await studio.rows(Asset)
    assert assets == []


async def test_all_that_is_wrong_is_told_at_once_and_nothing_is_started(studio: Studio) -> None:
    sequences = [
        {"sequenceId": "SQ10", "plans": ["0010"]},
        {"sequenceId": "SQ0020", "plans": ["0010", "20", "0010"]},
    ]
    wrong = {"season": "S03", "sequences": sequences, "workflowJson": "Missing.json"}
    told = [(problem["code"], problem["message"]) for problem in (await previewed(studio, **wrong))["problems"]]
    assert [code for code, _ in told] == ["NOMENCLATURE_INVALID"] * 4 + ["ASSET_NOT_FOUND"]
    assert "S02" in told[0][1]
    assert [message.split(":")[0] for _, message in told[1:4]] == [
        "sequences[0].sequenceId",
        "sequences[1].plans[1]",
        "sequences[1].plans[2]",
    ]
    refused = await refusal(studio, **wrong)
    assert refused.code == "NOMENCLATURE_INVALID"
    assert len(refused.errors[0]["extensions"]["problems"]) == 5


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"style": "sepia"}, "ASSET_NOT_FOUND", "sepia"),
        ({"params": {"stepz": 3}}, "VALIDATION_ERROR", "params.stepz"),
        ({"params": {"steps": [3]}}, "VALIDATION_ERROR", "params.steps"),
        ({"params": {"source": "/etc/passwd"}}, "VALIDATION_ERROR", "params.source"),
        ({"params": {"prompt": 7}}, "VALIDATION_ERROR", "params.prompt"),
        ({"workflowJson": None}, "VALIDATION_ERROR", "workflowJson"),
        ({"sequences": []}, "NOMENCLATURE_INVALID", "sequences"),
        ({"episode": "E0202"}, "NOMENCLATURE_INVALID", "episode"),
        ({"maxCredits": "-1"}, "VALIDATION_ERROR", "maxCredits"),
        (
            {"sequences": [{"sequenceId": "SQ0010", "plans": [f"{n:04}" for n in range(2001)]}]},
            "NOMENCLATURE_INVALID",
            "2,000",
        ),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(
    studio: Studio, changes: dict[str, Any], code: str, field: str
) -> None:
    refused = await refusal(studio, **changes)
    assert refused.code == code
    assert field in refused.errors[0]["message"]


async def test_the_examples_are_copied_into_the_project_once(studio: Studio) -> None:
    for _ in range(2):
        await studio.over(await studio.started(sequences=[{"sequenceId": "SQ0010", "plans": ["0010"]}]))
    assets = await studio.rows(Asset)
    assert {(asset.type.value, asset.label) for asset in assets} == {
        ("PROMPT", "ombres_chinoises"),
        ("FILE", "OmbresChinoises.json"),
    }
    assert len(assets) == 2


async def test_a_projects_own_graph_and_style_go_before_the_examples(studio: Studio) -> None:
    project = await studio.owner.parts.studio.reads.one(Project, studio.owner.actor, id=studio.owner.project_id)
    assert project is not None
    example = example_graph(project, "OmbresChinoises.json")
    assert example is not None
    assert isinstance(example.content, dict)
    size = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 32, "batch_size": 1}}
    await studio.owner.do(
        CreateAsset(
            project_id=studio.owner.project_id,
            type=AssetType.FILE,
            label="OmbresChinoises.json",
            content={**example.content, "5": size},
            metadata=example.metadata,
        )
    )
    words: dict[str, Any] = {
        "type": AssetType.PROMPT,
        "label": "ombres_chinoises",
        "content": "Ink on rice paper, {{plan}}",
    }
    await studio.owner.do(CreateAsset(project_id=studio.owner.project_id, **words))
    batch = await studio.over(await studio.started(sequences=[{"sequenceId": "SQ0010", "plans": ["0040"]}]))
    (image,) = [shot["image"] for shot in batch["shots"]["nodes"]]
    assert (image["width"], image["height"]) == (64, 32)
    (prompt,) = await studio.comfyui.prompts()
    assert prompt["graph"]["3"]["inputs"]["text"] == "Ink on rice paper, 0040"


async def test_a_shot_whose_source_is_missing_says_which_name_to_upload(studio: Studio) -> None:
    labo = {"style": "labo", "workflowJson": "Labo.json", "params": {"steps": 2}}
    told = (await previewed(studio, **labo))["problems"]
    assert (told[0]["code"], told[0]["nodeId"]) == ("IMAGE_NOT_FOUND", "SQ0010-0010")
    id_ = await studio.started(**labo)
    batch = await studio.over(id_)
    assert batch["status"] == "ERROR"
    wanted = "upload E202_SQ0010-0010_extracted-raw_v0001.png first"
    assert wanted in batch["shots"]["nodes"][0]["error"]["message"]
    assert await studio.comfyui.prompts() == []


async def test_the_newest_source_of_the_plan_is_what_the_graph_loads(studio: Studio) -> None:
    labo = {"style": "labo", "workflowJson": "Labo.json", "params": {"steps": 2}}
    one = [{"sequenceId": "SQ0010", "plans": ["0010"]}]
    first = await studio.over(await studio.started(sequences=one))
    source = first["shots"]["nodes"][0]["image"]["id"]
    await _is_source(studio, Id(source))
    batch = await studio.over(await studio.started(sequences=one, **labo))
    assert batch["status"] == "DONE", batch["logs"]
    prompt = (await studio.comfyui.prompts())[-1]
    assert prompt["graph"]["9"]["inputs"]["image"]
    found = (await studio.shots(await _newest(studio)))["SQ0010-0010"]
    assert found.source_image_id == source


async def _newest(studio: Studio) -> str:
    page = await studio.client.ask(
        "query($id: ID!) { project(id: $id) { shotBatches(first: 1) { nodes { id } } } }", id=studio.owner.project_id
    )
    return str(page["project"]["shotBatches"]["nodes"][0]["id"])


async def _is_source(studio: Studio, image_id: Id) -> None:
    """The image is the plan's own picture from now on."""
    project = await studio.owner.parts.studio.reads.one(Project, studio.owner.actor, id=studio.owner.project_id)
    assert project is not None
    name = ShotName(
        season="S02", episode="E202", sequence="SQ0010", plan="0010", task=ShotTask.EXTRACTED_RAW, version=1, ext="png"
    )
    command = CreateAsset(project_id=project.id, type=AssetType.DATASET, label="x")
    async with studio.owner.parts.database.begin(studio.owner.actor, command, None) as transaction:
        transaction.add(ShotFile.of(project, name, image_id=image_id))
