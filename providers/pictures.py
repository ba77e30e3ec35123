"""Encoded pictures from outside: opened strictly and off the event loop before anything relies on them."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from typing import Any, TypeVar

from PIL import Image

from domain.errors import InvalidInput
from domain.pictures import ASPECT_RATIOS, Picture, require_aspect_ratio

Answer = TypeVar("Answer")

MAX_PIXELS = 50_000_000


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


def open_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A picture whose header has been checked and whose pixels have not been decoded yet. Blocks briefly."""
    try:
        image = Image.open(BytesIO(data), formats=tuple(_ENDS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(max_pixels) from error
    except Exception as error:  # a hostile file can make a decoder raise anything
        raise InvalidInput("This is not a picture: send a PNG, JPEG or WebP file.", field="file") from error
    if image.width * image.height > max_pixels:
        raise _too_many_pixels(max_pixels)
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InvalidInput("The picture is animated: send a single frame.", field="file")
    return image


_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pictures")


def _read(data: bytes, max_pixels: int) -> Picture:
    image = open_picture(data, max_pixels=max_pixels)
    format_name = _format_of(image)
    end = _ENDS[format_name](data)
    if end is None or end > len(data):
        raise _damaged()
    kept = data[:end]
    _decode_whole(kept, max_pixels)
    return Picture(kept, Image.MIME[format_name], image.width, image.height, sha256(kept).hexdigest())


def _decode_whole(data: bytes, max_pixels: int) -> None:
    checked, decoded = (open_picture(data, max_pixels=max_pixels) for _ in range(2))  # verify() spoils its image
    try:
        checked.verify()
        decoded.load()
    except Exception as error:  # as above
        raise _damaged() from error


def _fit(data: bytes, aspect_ratio: str, max_pixels: int) -> bytes:
    image = open_picture(data, max_pixels=max_pixels)
    ratio = ASPECT_RATIOS[aspect_ratio]
    if _fits_to_a_pixel(image.size, ratio):
        return data
    width, height = _largest_inside(image.size, ratio)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    try:
        cropped = image.crop((left, top, left + width, top + height))
    except Exception as error:  # as above
        raise _damaged() from error
    encoded = BytesIO()
    format_name = _format_of(image)
    cropped.save(encoded, format_name, icc_profile=image.info.get("icc_profile"), **_HIGH_QUALITY[format_name])
    return encoded.getvalue()


def _fits_to_a_pixel(size: tuple[int, int], ratio: tuple[int, int]) -> bool:
    (width, height), (across, down) = size, ratio
    return abs(width - height * across / down) <= 1 or abs(height - width * down / across) <= 1


def _largest_inside(size: tuple[int, int], ratio: tuple[int, int]) -> tuple[int, int]:
    width, height = size
    across, down = ratio
    if width * down > height * across:
        return max(1, round(height * across / down)), height
    return width, max(1, round(width * down / across))


def _format_of(image: Image.Image) -> str:
    # Phones write a JPEG followed by more of them and call it MPO; its first picture is the one people see.
    return "JPEG" if image.format == "MPO" else str(image.format)


_HIGH_QUALITY: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}

_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # those that stand alone are part of the pixels


def _end_of_jpeg(data: bytes) -> int | None:
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        if marker[0] == b"\xff\xd9":
            return marker.end()
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return None


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
    return InvalidInput(f"The picture is too large: send at most {max_pixels:,} pixels.", field="file")


def _damaged() -> InvalidInput:
    return InvalidInput("The picture is damaged or incomplete: send the whole file again.", field="file")
