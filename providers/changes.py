"""Pictures made of others: cut around what matters, resized, written in another format."""

from PIL import Image

from domain.errors import InvalidInput
from domain.pictures import Change, Size, cut_of, size_of
from providers.encoding import LONGEST_SIDES, encoded
from providers.marks import mark_of, marked
from providers.pictures import MAX_PIXELS, decoded, format_of, in_picture_thread


async def change_picture(data: bytes, change: Change, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """
    The picture changed so, standing upright, with its colour profile and its mark of where it comes from, and without
    what else its file told.

    Raises InvalidInput for anything but a sound PNG, JPEG or WebP, and where either picture is over `max_pixels`.
    """
    return await in_picture_thread(_changed, data, change, max_pixels)


def _changed(data: bytes, change: Change, max_pixels: int) -> bytes:
    image = decoded(data, max_pixels)
    format_name = change.format.upper() if change.format else format_of(image)
    size = size_of(image.size, change)
    _require_possible(size, format_name, max_pixels)
    cut = image.crop(cut_of(image.size, change))
    return marked(encoded(_resized(cut, size), format_name, change.quality), mark_of(data))


def _require_possible(size: Size, format_name: str, max_pixels: int) -> None:
    width, height = size
    longest = LONGEST_SIDES[format_name]
    if width * height > max_pixels or max(size) > longest:
        raise InvalidInput(
            f"The picture would be {width:,} by {height:,} pixels: as {format_name} it can have at most "
            f"{max_pixels:,} pixels, {longest:,} a side."
        )


def _resized(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else _smooth(image).resize(size, Image.Resampling.LANCZOS)


def _smooth(image: Image.Image) -> Image.Image:
    """With all the colours that lie between its own: a palette, or one transparent colour, would have none of them."""
    if image.mode in {"I;16", "LA", "RGBA"}:
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert({"1": "L", "P": "RGB"}.get(image.mode, image.mode))
