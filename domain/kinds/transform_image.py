"""`transform_image`: a picture cut, resized or written in another format."""

from collections.abc import Collection, Iterable
from typing import Any

from domain.images import FocalPoint
from domain.kinds.kind import NodeKind, Port, StepResult, Work, work_settings
from domain.pictures import ASPECT_RATIOS, QUALITY, Change, Fit, Format
from domain.providers import GeneratedPicture

LONGEST_SIDE = 8_192

_CENTRE = FocalPoint(0.5, 0.5)
_OF_THE_SOURCE = {"width", "height", "size"}


async def run(work: Work) -> StepResult:
    ((source, data),) = await work.toolbox.read_images([work.inputs["image"]], work)
    changed = await work.toolbox.change_picture(data, change_of(work.config, source.focal_point or _CENTRE))
    meta = {name: value for name, value in source.meta.items() if name not in _OF_THE_SOURCE}
    picture = GeneratedPicture(changed, seed=source.seed, meta={**meta, "transformedFrom": source.id})
    image = await work.toolbox.keep_image(picture, work, model=source.model, provider=source.provider)
    return StepResult(outputs={"image": image.value}, images=(image,))


def change_of(config: dict[str, Any], own_focus: FocalPoint) -> Change:
    """What the settings ask for; cut around the image's own focal point where they name none."""
    focus = FocalPoint(**config["focalPoint"]) if "focalPoint" in config else own_focus
    return Change(
        aspect_ratio=config.get("aspectRatio"),
        width=config.get("width"),
        height=config.get("height"),
        fit=Fit(config.get("fit", Fit.COVER)),
        focal_x=focus.x,
        focal_y=focus.y,
        format=Format(config["format"]) if "format" in config else None,
        quality=config.get("quality", QUALITY),
    )


def shape_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    if not config.keys() & {"aspectRatio", "width", "height", "format"}:
        yield "config: say what to change: aspectRatio, width, height or format"
    if {"aspectRatio", "width", "height"} <= config.keys():
        yield "config.aspectRatio: width and height say the shape already: leave one of the three out"
    if "aspectRatio" in config and config.get("fit") == Fit.CONTAIN:
        yield "config.fit: 'contain' cuts nothing, so it cannot give the picture another aspect ratio"


_SIDE = {"type": "integer", "minimum": 1, "maximum": LONGEST_SIDE}
_PLACE = {"type": "number", "minimum": 0, "maximum": 1}

KIND = NodeKind(
    kind="transform_image",
    title="Transform image",
    description="Cuts a picture around its focal point, resizes it, or writes it in another format.",
    inputs=(Port("image", "image"),),
    outputs=(Port("image", "image"),),
    config_schema=work_settings(
        {
            "aspectRatio": {"enum": list(ASPECT_RATIOS), "title": "Aspect ratio"},
            "width": {**_SIDE, "title": "Width, in pixels"},
            "height": {**_SIDE, "title": "Height, in pixels"},
            "fit": {
                "enum": [fit.value for fit in Fit],
                "default": "cover",
                "title": "Fit",
                "description": "cover: exactly as large as asked, cut where needed; contain: whole, and never larger.",
            },
            "focalPoint": {
                "type": "object",
                "properties": {"x": _PLACE, "y": _PLACE},
                "required": ["x", "y"],
                "additionalProperties": False,
                "title": "Focal point",
                "description": "What stays in sight, 0 to 1 from the left and from the top; else the image's own.",
            },
            "format": {
                "enum": [format_.value for format_ in Format],
                "title": "Format",
                "description": "The image's own when left out.",
            },
            "quality": {
                "type": "integer",
                "minimum": 1,
                "maximum": 100,
                "default": QUALITY,
                "title": "Quality of JPEG and WebP",
            },
        }
    ),
    run=run,
    cacheable=True,
    further_problems=shape_problems,
)
