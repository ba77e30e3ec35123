"""What the kinds of nodes make of their settings and of what flows in."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.ids import new_id
from domain.images import FocalPoint
from domain.kinds import KINDS
from domain.kinds.input_value import checked_inputs
from domain.kinds.kind import OF_WORK, NodeKind, StepResult
from domain.kinds.transform_image import change_of
from domain.pictures import Change, DigitalSource, Fit, Format
from domain.plain import require_json_object
from tests.domain.bench import Bench, Recording, done, told, work_of
from tests.domain.building import ANY_JSON, refusal

PAGE = Path(__file__).parents[2] / "docs/node-kinds.md"


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=lambda kind: kind.kind)
def test_the_settings_of_every_kind_are_a_schema_with_titles(kind: Any) -> None:
    assert jsonschema_rs.meta.is_valid(kind.config_schema)
    assert kind.config_schema["additionalProperties"] is False
    assert all("title" in one for one in kind.config_schema["properties"].values())


@given(st.sampled_from(sorted(KINDS)), ANY_JSON, st.dictionaries(st.text(max_size=12), ANY_JSON))
def test_any_settings_are_right_or_wrong_in_our_words(kind: str, json: Any, others: dict[str, Any]) -> None:
    for config in (json, others, dict.fromkeys(KINDS[kind].config_schema["properties"], json)):
        if refusal(lambda config=config: require_json_object(config, "config")) is None:  # type: ignore[misc]
            assert all(problem.startswith("config") for problem in KINDS[kind].config_problems(config, ()))


STYLE, PHOTO = new_id(), new_id()
STYLED = {"template": "{{style}}: {{words}} {{text}}", "prompts": {"style": STYLE}}


async def test_a_name_becomes_the_text_of_its_asset() -> None:
    prompts = {STYLE: "In oil, {{words}}"}
    result = await done("prompt", config=STYLED, given={"words": "a fox"}, inputs={"text": "!"}, prompts=prompts)
    assert result.outputs == {"text": "In oil, {{words}}: a fox !"}


def test_names_of_assets_may_be_used() -> None:
    assert told("prompt", "words", **STYLED) == []
    (problem,) = told("prompt", "words", **{**STYLED, "template": "{{stile}}"})
    assert problem == "config.template: '{{stile}}' names no input; known: text, style, words"


@pytest.mark.parametrize("name", ["words", "text"])
def test_a_name_means_one_thing(name: str) -> None:
    (problem,) = told("prompt", "words", template="{{words}}", prompts={name: new_id()})
    assert problem == f"config.prompts: '{name}' is an input already: give the prompt another name"


@pytest.mark.parametrize(
    "prompts",
    [
        [], {"1st": new_id()}, {"a b": new_id()}, {"": new_id()}, {"a" * 65: new_id()}, {"a": 5}, {"a": "x"},
        {"a": new_id().upper()}, {f"p{number}": new_id() for number in range(21)},
    ],
)  # fmt: skip
def test_assets_are_named_by_their_ids(prompts: Any) -> None:
    (problem,) = told("prompt", template="a", prompts=prompts)
    assert problem.startswith("config.prompts")


@pytest.mark.parametrize(
    "value",
    [PHOTO, PHOTO.upper(), {"imageId": PHOTO}, {"imageId": PHOTO, "fileHash": "h"}],
    ids=["id", "upper", "object", "run"],
)
async def test_an_image_is_named_by_its_id(value: Any) -> None:
    assert checked_inputs([{"name": "photo", "type": "image"}], {"photo": value}) == {"photo": {"imageId": PHOTO}}
    config = {"name": "photo", "type": "image", "default": value}
    assert checked_inputs([config], {}) == {"photo": {"imageId": PHOTO}}
    assert (await done("input", config=config)).outputs == {"value": {"imageId": PHOTO}}


@pytest.mark.parametrize("value", ["", "x", 5, True, [PHOTO], {}, {"id": PHOTO}, {"imageId": None}, {"imageId": {}}])
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"inputs\.photo must be an image") as refused:
        checked_inputs([{"name": "photo", "type": "image"}], {"photo": value})
    assert refused.value.details["field"] == "inputs.photo"
    (problem,) = told("input", name="photo", type="image", default=value)
    assert problem.startswith("config.default must be an image")


async def test_what_came_in_goes_out_as_it_is() -> None:
    image = {"imageId": PHOTO, "fileHash": "h"}
    config = {"name": "photo", "type": "image"}
    assert (await done("input", config=config, given={"photo": image})).outputs == {"value": image}
    unset = await done("input", config={**config, "default": PHOTO}, given={"photo": None})
    assert unset.outputs == {"value": {"imageId": PHOTO}}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "config: say what to change"),
        ({"fit": "cover", "focalPoint": {"x": 0, "y": 0}, "quality": 5}, "config: say what to change"),
        ({"aspectRatio": "1:1", "width": 5, "height": 5}, "config.aspectRatio: width and height say"),
        ({"aspectRatio": "1:1", "fit": "contain"}, "config.fit: 'contain' cuts nothing"),
        ({"aspectRatio": "7:3"}, "config.aspectRatio: "),
        ({"width": 0}, "config.width: "),
        ({"height": 8_193}, "config.height: "),
        ({"width": 1.5}, "config.width: "),
        ({"format": "gif"}, "config.format: "),
        ({"format": "png", "quality": 0}, "config.quality: "),
        ({"format": "png", "focalPoint": {"x": 0.5}}, "config.focalPoint: "),
        ({"format": "png", "focalPoint": {"x": 0.5, "y": 1.1}}, "config.focalPoint.y: "),
    ],
)
def test_a_change_that_cannot_be_made_is_a_problem(config: dict[str, Any], said: str) -> None:
    (problem,) = told("transform_image", **config)
    assert problem.startswith(said)


def test_settings_become_a_change() -> None:
    config = {"width": 5, "height": 6, "fit": "contain", "format": "webp", "quality": 7}
    own = FocalPoint(0.25, 1.0)
    assert change_of(config, own) == Change(
        width=5, height=6, fit=Fit.CONTAIN, format=Format.WEBP, quality=7, focal_x=0.25, focal_y=1.0
    )
    assert change_of({"aspectRatio": "4:5", "focalPoint": {"x": 1, "y": 0}}, own) == Change(
        aspect_ratio="4:5", focal_x=1, focal_y=0
    )


async def test_the_picture_keeps_what_made_it() -> None:
    bench = Bench()
    source = bench.put(40, 20, seed="5", model="m", provider="p", meta={"note": "n"}, focal_point=FocalPoint(0, 0))
    result = await done("transform_image", bench, config={"aspectRatio": "1:1"}, inputs={"image": source})
    (image,) = result.images
    assert result.outputs == {"image": image.value}
    assert (image.width, image.height, image.seed, image.model, image.provider) == (20, 20, "5", "m", "p")
    assert image.meta == {"note": "n", "transformedFrom": source["imageId"]}


async def test_an_uploaded_picture_has_no_model() -> None:
    bench = Bench()
    inputs = {"image": bench.put(40, 20)}
    result = await done("transform_image", bench, config={"format": "jpeg"}, inputs=inputs)
    (image,) = result.images
    assert (image.mime_type, image.model, image.provider) == ("image/jpeg", None, None)


async def test_the_provider_sees_the_references_in_their_order() -> None:
    bench = Bench(image_provider=(provider := Recording()))
    references = [bench.put(16, 16), bench.put(32, 16)]
    config = {"count": 2, "aspectRatio": "16:9", "seed": 5}
    result = await done("edit_image", bench, config=config, inputs={"prompt": "a fox", "images": references})
    (asked,) = provider.asked
    assert asked.references == tuple(bench.images[one["imageId"]][1] for one in references)
    assert (asked.prompt, asked.count, asked.aspect_ratio, asked.seed) == ("a fox", 2, "16:9", 5)
    assert result.outputs["images"] == [image.value for image in result.images]
    assert result.outputs["image"] == result.outputs["images"][0]
    assert bench.reported == [0.5, 1.0]


async def test_a_picture_made_from_others_is_kept_as_a_composite() -> None:
    bench = Bench()
    await done("edit_image", bench, inputs={"prompt": "a fox", "images": [bench.put(16, 16)]})
    await done("generate_image", bench, inputs={"prompt": "a fox"})
    told = [picture.digital_source for picture in bench.kept]
    assert told == [DigitalSource.COMPOSITE_WITH_ALGORITHM, DigitalSource.ALGORITHM]


@pytest.mark.parametrize("count", [0, 9])
async def test_it_starts_from_one_to_eight_pictures(count: int) -> None:
    bench = Bench()
    inputs = {"prompt": "a fox", "images": [bench.put(16, 16)] * count}
    with pytest.raises(InvalidInput, match=f"1 to 8 images, and {count} came in"):
        await done("edit_image", bench, inputs=inputs)


def test_it_is_set_and_priced_like_generate_image() -> None:
    kind = KINDS["edit_image"]
    assert (kind.calls, kind.units({"count": 3}), kind.cacheable) == ("image", 3, True)
    assert told("edit_image", count=9)


async def test_a_text_is_written_as_the_instructions_say() -> None:
    written = [
        (await done("generate_text", config={"instructions": said}, inputs={"text": "a fox"})).outputs["text"]
        for said in ("As a watercolour", "As a product shot")
    ]
    assert all(text.startswith("a fox") for text in written)
    assert written[0] != written[1]


@pytest.mark.parametrize("instructions", [None, "", "x" * 4_001, 5])
def test_instructions_are_a_text_of_a_length(instructions: object) -> None:
    (problem,) = told("generate_text", instructions=instructions)
    assert problem.startswith("config.instructions: ")


def documented_kind(directory: Path) -> NodeKind:
    written = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert written
    (directory / "choose_longest.py").write_text(written[1])
    spec = spec_from_file_location("choose_longest", directory / "choose_longest.py")
    assert spec
    assert spec.loader
    spec.loader.exec_module(module := module_from_spec(spec))
    kind: NodeKind = module.KIND
    return kind


async def test_the_kind_that_the_documentation_builds_can_be_used(tmp_path: Path) -> None:
    kind = documented_kind(tmp_path)
    texts = {"texts": ["a", "a fox", "fox"]}
    assert kind.config_problems({"shortest": 3}, ()) == []
    assert await kind.run(work_of(Bench(), {"shortest": 3}, texts)) == StepResult(outputs={"text": "a fox"})
    with pytest.raises(InvalidInput, match="No text has 9 characters"):
        await kind.run(work_of(Bench(), {"shortest": 9}, texts))


def test_the_documentation_names_every_kind_and_every_setting() -> None:
    page = PAGE.read_text()
    for kind in KINDS.values():
        (row,) = re.findall(rf"^\| `{kind.kind}` \|.*$", page, re.MULTILINE)
        missing = [name for name in kind.config_schema["properties"] if f"`{name}`" not in row and name not in OF_WORK]
        assert missing == [] or kind.kind == "edit_image"
