"""Pictures as values: the aspect ratios offered, what is measured before they are kept, what is made of them."""

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInput

Size = tuple[int, int]
"""Width and height, in pixels or as a ratio."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""

ASPECT_RATIOS: dict[str, Size] = {
    "1:1": (1, 1),
    "2:3": (2, 3),
    "3:2": (3, 2),
    "3:4": (3, 4),
    "4:3": (4, 3),
    "4:5": (4, 5),
    "5:4": (5, 4),
    "9:16": (9, 16),
    "16:9": (16, 9),
    "21:9": (21, 9),
}


def require_aspect_ratio(text: str, field: str = "aspectRatio") -> str:
    if text not in ASPECT_RATIOS:
        raise InvalidInput("Invalid aspect ratio", field=field, hint=f"Use one of {', '.join(ASPECT_RATIOS)}")
    return text


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture that has been decoded once, whole, and measured. `width` and `height` are pixels."""

    data: bytes
    mime_type: str
    width: int
    height: int
    sha256: str

    @property
    def extension(self) -> str:
        return {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}[self.mime_type]


QUALITY = 90


class Format(StrEnum):
    """How pictures can be encoded; all of them keep colour profiles, PNG and WebP transparency."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


class DigitalSource(StrEnum):
    """Where a picture comes from, in the words of IPTC's NewsCodes (`digitalsourcetype`); what says most is first."""

    COMPOSITE_WITH_MODEL = "compositeWithTrainedAlgorithmicMedia"
    MODEL = "trainedAlgorithmicMedia"
    COMPOSITE_WITH_ALGORITHM = "compositeSynthetic"
    ALGORITHM = "algorithmicMedia"

    @property
    def composite(self) -> "DigitalSource":
        """The same, made from other pictures."""
        return _COMPOSITES.get(self, self)


_COMPOSITES = {
    DigitalSource.MODEL: DigitalSource.COMPOSITE_WITH_MODEL,
    DigitalSource.ALGORITHM: DigitalSource.COMPOSITE_WITH_ALGORITHM,
}


class Fit(StrEnum):
    """How a picture takes another shape: cut to fill it, or made smaller until it fits inside."""

    COVER = "cover"
    CONTAIN = "contain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    What is made of a picture: its shape (`aspect_ratio`, or `width` and `height` in pixels), its encoding, or both.

    What must stay in sight when it is cut is at `focal_x`, `focal_y`: 0.0 to 1.0 from the left and from the top. To
    cover, it becomes exactly as large as asked; to be contained, it is never cut and never made larger.
    """

    aspect_ratio: str | None = None
    width: int | None = None
    height: int | None = None
    fit: Fit = Fit.COVER
    focal_x: float = 0.5
    focal_y: float = 0.5
    format: Format | None = None
    quality: int = QUALITY


def cut_of(size: Size, change: Change) -> Box:
    """The part that is kept of a picture of this size: around the focal point, as far as there is picture."""
    width, height = size if change.fit is Fit.CONTAIN else largest_inside(size, _shape_of(size, change))
    left, top = _start(size[0], width, change.focal_x), _start(size[1], height, change.focal_y)
    return left, top, left + width, top + height


def size_of(size: Size, change: Change) -> Size:
    """How large a picture of this size becomes."""
    if change.fit is Fit.CONTAIN:
        asked = ((change.width, size[0]), (change.height, size[1]))
        scale = min([1.0, *(most / side for most, side in asked if most)])
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    across, down = _shape_of(size, change)
    as_it_is = largest_inside(size, (across, down))
    width = change.width or (round(change.height * across / down) if change.height else as_it_is[0])
    height = change.height or (round(change.width * down / across) if change.width else as_it_is[1])
    return max(1, width), max(1, height)


def largest_inside(size: Size, shape: Size) -> Size:
    """The largest part of this shape that such a picture has."""
    (width, height), (across, down) = size, shape
    if width * down > height * across:
        return max(1, round(height * across / down)), height
    return width, max(1, round(width * down / across))


def _shape_of(size: Size, change: Change) -> Size:
    if change.width and change.height:
        return change.width, change.height
    return ASPECT_RATIOS[require_aspect_ratio(change.aspect_ratio)] if change.aspect_ratio else size


def _start(whole: int, part: int, focus: float) -> int:
    return min(max(0, int(whole * focus - part / 2)), whole - part)
