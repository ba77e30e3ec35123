"""Variants: an image as a page wants it, another size, shape or format, made when it is first asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from domain.errors import InvalidInput
from domain.images import FocalPoint
from domain.pictures import Change, Fit, Format, Size, cut_of, size_of

Choice = TypeVar("Choice", bound=StrEnum)

_CENTRE = FocalPoint(0.5, 0.5)
_MIME_TYPES = {format_: f"image/{format_}" for format_ in Format}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the parameters of an address ask for. Of what they leave out, the image's own is taken."""

    width: int | None = None
    height: int | None = None
    fit: Fit = Fit.COVER
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What has to be made: `name` tells it from all else that can be made of the same bytes.

    Parameters that come to the same have the same name.
    """

    name: str
    change: Change
    mime_type: str


def asked(parameters: Mapping[str, str], sizes: Collection[int]) -> Asked | None:
    """What `w`, `h`, `fit` and `format` ask for, None where they ask for nothing; `sizes` are those that may be."""
    width, height = (_size(parameters.get(name), name, sizes) for name in ("w", "h"))
    fit = _choice(parameters.get("fit"), "fit", Fit) or Fit.COVER
    format_ = _choice(parameters.get("format"), "format", Format)
    return Asked(width, height, fit, format_) if width or height or format_ else None


def wanted(of: Asked, size: Size, mime_type: str, focus: FocalPoint | None) -> Wanted | None:
    """What has to be made of a picture of this size and type; None where it is as it is asked for already."""
    focus = focus or _CENTRE
    made = _MIME_TYPES[of.format] if of.format else mime_type
    # One side alone leaves nothing to cut, and no place on a page to fill.
    fit = of.fit if of.width and of.height else Fit.CONTAIN
    change = Change(
        width=of.width, height=of.height, fit=fit, focal_x=focus.x, focal_y=focus.y, format=Format(made[6:])
    )
    width, height = size_of(size, change)
    if (width, height) == size and made == mime_type:
        return None
    cut = ",".join(map(str, cut_of(size, change)))
    return Wanted(f"{width}x{height} of {cut} as {made}", change, made)


def _size(text: str | None, name: str, sizes: Collection[int]) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) in sizes):
        known = ", ".join(map(str, sorted(sizes)))
        raise InvalidInput(f"{name} is one of these sizes, in pixels: {known}", field=name)
    return int(text)


def _choice(text: str | None, name: str, choices: type[Choice]) -> Choice | None:
    if not text:
        return None
    if text not in set(choices):
        raise InvalidInput(f"{name} is one of {', '.join(choices)}", field=name)
    return choices(text)
