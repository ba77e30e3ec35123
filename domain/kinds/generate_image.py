"""`generate_image`: pictures from words."""

import hashlib
from typing import Any

from domain.images import NewImage
from domain.kinds.kind import NodeKind, Port, StepResult, Work, settings
from domain.pictures import ASPECT_RATIOS
from domain.providers import ImageAnswer, ImageRequest

MOST_PICTURES = 8


async def run(work: Work) -> StepResult:
    provider = work.toolbox.image_provider
    request = ImageRequest(
        prompt=str(work.inputs["prompt"]),
        aspect_ratio=work.config.get("aspectRatio", "1:1"),
        count=pictures(work.config),
        seed=int(work.config.get("seed", _seed_of(work.step_id))),
        idempotency_key=work.step_id,
        trace_id=work.trace_id,
    )
    answer = await provider.make_images(request)
    images = await _kept(answer, work, provider.name)
    values = [{"imageId": image.id} for image in images]
    return StepResult(outputs={"image": values[0], "images": values}, images=images, cost=answer.cost)


async def _kept(answer: ImageAnswer, work: Work, provider: str) -> tuple[NewImage, ...]:
    return tuple(
        [
            await work.toolbox.keep_image(picture, work, model=answer.model, provider=provider)
            for picture in answer.pictures
        ]
    )


def _seed_of(step_id: str) -> int:
    """The same for each attempt at a step, so that a repeat draws the same picture."""
    return int.from_bytes(hashlib.sha256(step_id.encode()).digest()[:4]) >> 1


def pictures(config: dict[str, Any]) -> int:
    return int(config.get("count", 1))


KIND = NodeKind(
    kind="generate_image",
    title="Generate image",
    description="Makes pictures from a prompt.",
    inputs=(Port("prompt", "text"),),
    outputs=(Port("image", "image"), Port("images", "image", list=True)),
    config_schema=settings(
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
    units=pictures,
)
