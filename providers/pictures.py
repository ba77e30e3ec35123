"""Encoded pictures from outside: opened strictly and off the event loop before anything relies on them."""

import asyncio
import re
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from typing import Any, TypeVar

from PIL import Image

from domain.errors import InvalidInput
from domain.pictures import ASPECT_RATIOS, Change, Picture, Size, cut_of, require_aspect_ratio
from providers.encoding import encoded

Answer = TypeVar("Answer")

MAX_PIXELS = 50_000_000
warnings.simplefilter("error", Image.DecompressionBombWarning)  # else it is printed, and the picture opened
MOST_PIXELS_DRAWN = 2_000_000_000  # pixels times passes: some seconds
LONGEST_SIDE = 65_535  # pixels; of a longer one, resizing would take memory by the square of it


async def read_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """
    The one still picture in these bytes, decoded whole and measured; what trails behind its end is cut off.

    Raises InvalidInput for anything but a sound PNG, JPEG or WebP of at most `max_pixels`.
    """
    return await in_picture_thread(_read, data, max_pixels)


async def fit_aspect_ratio(data: bytes, aspect_ratio: str, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """The picture cropped around its centre to this ratio, in its own format; the same bytes if it fits to a pixel."""
    return await in_picture_thread(_fit, data, require_aspect_ratio(aspect_ratio), max_pixels)


async def in_picture_thread(function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Runs work on pixels in one of two threads: memory stays bounded and the loop's own threads stay free."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)


def decoded(data: bytes, max_pixels: int) -> Image.Image:
    """The picture with its pixels, standing upright as its EXIF says. Blocks."""
    return upright(_loaded(data, max_pixels))


def format_of(image: Image.Image) -> str:
    # Phones write a JPEG followed by more of them and call it MPO; its first picture is the one people see.
    return "JPEG" if image.format == "MPO" else str(image.format)


def open_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A picture whose header has been checked and whose pixels have not been decoded yet. Blocks briefly."""
    try:
        image = Image.open(BytesIO(data), formats=tuple(_ENDS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(max_pixels) from error
    except Exception as error:  # a hostile file can make a decoder raise anything
        raise InvalidInput("This is not a picture: send a PNG, JPEG or WebP file.", field="file") from error
    if image.width * image.height > max_pixels or max(image.size) > LONGEST_SIDE:
        raise _too_many_pixels(max_pixels)
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InvalidInput("The picture is animated: send a single frame.", field="file")
    return image


def sound(data: bytes, max_pixels: int) -> tuple[bytes, Image.Image]:
    """The bytes of the picture, without what trails behind its end, and the picture with its pixels. Blocks."""
    end = _ENDS[format_of(open_picture(data, max_pixels=max_pixels))](data)
    if end is None or end > len(data):
        raise damaged()
    kept = data[:end]
    checked = open_picture(kept, max_pixels=max_pixels)
    _require_few_passes(kept, checked)
    try:
        checked.verify()  # which spoils it
    except Exception as error:  # as above
        raise damaged() from error
    return kept, _loaded(kept, max_pixels)


def measured(data: bytes, format_name: str, size: Size) -> Picture:
    return Picture(data, Image.MIME[format_name], *size, sha256(data).hexdigest())


def damaged() -> InvalidInput:
    return InvalidInput("The picture is damaged or incomplete: send the whole file again.", field="file")


_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pictures")


def _read(data: bytes, max_pixels: int) -> Picture:
    kept, image = sound(data, max_pixels)
    return measured(kept, format_of(image), image.size)


def _loaded(data: bytes, max_pixels: int) -> Image.Image:
    image = open_picture(data, max_pixels=max_pixels)
    try:
        image.load()
    except Exception as error:  # as above
        raise damaged() from error
    return image


def _fit(data: bytes, aspect_ratio: str, max_pixels: int) -> bytes:
    image = decoded(data, max_pixels)
    if _fits_to_a_pixel(image.size, ASPECT_RATIOS[aspect_ratio]):
        return data
    cut = image.crop(cut_of(image.size, Change(aspect_ratio=aspect_ratio)))
    return encoded(cut, format_of(image), _HIGH_QUALITY)


def _fits_to_a_pixel(size: Size, ratio: Size) -> bool:
    (width, height), (across, down) = size, ratio
    return abs(width - height * across / down) <= 1 or abs(height - width * down / across) <= 1


_HIGH_QUALITY = 95

_ORIENTATION = 0x0112
_TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - as above; without EXIF that can be read it stands as it is
        return image
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.format = image.format
    return turned


_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # those that stand alone are part of the pixels


def _jpeg_markers(data: bytes) -> Iterator[re.Match[bytes]]:
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        yield marker
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])


def _end_of_jpeg(data: bytes) -> int | None:
    return next((marker.end() for marker in _jpeg_markers(data) if marker[0] == b"\xff\xd9"), None)


def _require_few_passes(data: bytes, image: Image.Image) -> None:
    """A progressive JPEG is drawn anew with each pass: a small file could keep a decoder busy for an hour."""
    if format_of(image) != "JPEG":
        return
    passes = sum(marker[0] == b"\xff\xda" for marker in _jpeg_markers(data))
    if passes * image.width * image.height > MOST_PIXELS_DRAWN:
        raise InvalidInput("The picture is built up in too many passes: save it as a baseline JPEG.", field="file")


def _end_of_png(data: bytes) -> int | None:
    at = 8
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        at += 12 + length
        if kind == b"IEND":
            return at
    return None


def _end_of_webp(data: bytes) -> int | None:
    length = int.from_bytes(data[4:8], "little")
    return 8 + length + length % 2


# The formats taken, each with the rule that finds where a picture ends.
_ENDS: dict[str, Callable[[bytes], int | None]] = {"PNG": _end_of_png, "JPEG": _end_of_jpeg, "WEBP": _end_of_webp}


def _too_many_pixels(max_pixels: int) -> InvalidInput:
    return InvalidInput(
        f"The picture is too large: send at most {max_pixels:,} pixels, {LONGEST_SIDE:,} a side.", field="file"
    )
