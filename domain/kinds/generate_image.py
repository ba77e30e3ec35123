"""`generate_image`: pictures from words."""

from dataclasses import replace
from typing import Any

from domain.images import NewImage
from domain.kinds.kind import NodeKind, Port, StepResult, Work, work_settings
from domain.kinds.prompt import text_of
from domain.pictures import ASPECT_RATIOS, Change, Format
from domain.providers import ImageAnswer, ImageRequest

MOST_PICTURES = 8


async def run(work: Work) -> StepResult:
    return await made(work)


async def made(work: Work, references: tuple[bytes, ...] = ()) -> StepResult:
    """The pictures that the node's settings ask for, with these to start from."""
    provider = work.toolbox.image_provider
    request = ImageRequest(
        prompt=text_of(work.inputs["prompt"], "prompt"),
        aspect_ratio=work.config.get("aspectRatio", "1:1"),
        count=pictures(work.config),
        seed=int(work.config.get("seed", work.seed)),
        references=references,
        call=work.call,
    )
    answer = await provider.make_images(request)
    source = provider.image_terms.digital_source
    told = replace(
        answer,
        pictures=tuple(
            replace(picture, digital_source=source.composite if references else source) for picture in answer.pictures
        ),
    )
    images = await kept(told, work, provider.image_terms.provider)
    values = [image.value for image in images]
    return StepResult(outputs={"image": values[0], "images": values}, images=images, cost=answer.cost)


async def kept(answer: ImageAnswer, work: Work, provider: str) -> tuple[NewImage, ...]:
    """The pictures of an answer, stored; the step's progress tells how many are."""
    images: list[NewImage] = []
    for made in answer.pictures:
        picture = replace(made, data=await _in_format(made.data, work))
        images.append(await work.toolbox.keep_image(picture, work, model=answer.model, provider=provider))
        work.report(len(images) / len(answer.pictures))
    return tuple(images)


async def _in_format(data: bytes, work: Work) -> bytes:
    wanted = work.config.get("format")
    return await work.toolbox.change_picture(data, Change(format=Format(wanted))) if wanted else data


def pictures(config: dict[str, Any]) -> int:
    return int(config.get("count", 1))


KIND = NodeKind(
    kind="generate_image",
    title="Generate image",
    description="Makes pictures from a prompt.",
    inputs=(Port("prompt", "text"),),
    outputs=(Port("image", "image"), Port("images", "image", list=True)),
    config_schema=work_settings(
        {
            "aspectRatio": {"enum": list(ASPECT_RATIOS), "default": "1:1", "title": "Aspect ratio"},
            "count": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_PICTURES,
                "default": 1,
                "title": "Candidates",
                "description": "How many pictures to make.",
            },
            "format": {
                "enum": list(Format),
                "title": "Format",
                "description": "How the pictures are encoded; as the provider made them when left out.",
            },
            "seed": {
                "type": "integer",
                "minimum": 0,
                "maximum": 2**31 - 1,
                "title": "Seed",
                "description": "The same seed makes the same picture, where the provider can.",
            },
        }
    ),
    run=run,
    calls="image",
    cacheable=True,
    units=pictures,
)
