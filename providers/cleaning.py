"""Pictures that people send: written anew, so that nothing is kept of the file but what can be seen."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from threading import Lock
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from domain.errors import DomainError
from domain.pictures import Picture, Size
from providers.encoding import encoded
from providers.pictures import MAX_PIXELS, damaged, format_of, in_picture_thread, measured, open_picture, sound, upright

_QUALITY = 90
_LOSSLESS_EFFORT = 20  # of 100, which take four times as long and win next to nothing
# One large picture at a time: decoding and encoding together take some 17 bytes a pixel.
_LARGE_PIXELS = 16_000_000
_LARGE = Lock()
_INFLATED_AT_ONCE_BYTES = 1024 * 1024


async def clean_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """
    The picture, standing upright, with its transparency and its colour profile and without what else its file told.

    Raises InvalidInput for anything but a sound still PNG, JPEG or WebP of at most `max_pixels`. A JPEG is written with
    its own tables, so that it loses next to nothing; of PNGs with 16 bits a colour see `_sixteen_bits`.
    """
    return await in_picture_thread(_clean, data, max_pixels)


def _clean(data: bytes, max_pixels: int) -> Picture:
    seen = open_picture(data, max_pixels=max_pixels)
    with _LARGE if seen.width * seen.height > _LARGE_PIXELS else nullcontext():
        return _cleaned(data, max_pixels)


def _cleaned(data: bytes, max_pixels: int) -> Picture:
    kept, image = sound(data, max_pixels)
    try:
        return _written_anew(kept, image)
    except DomainError:
        raise
    except Exception as error:  # a hostile file can make an encoder raise anything
        raise damaged() from error


def _written_anew(data: bytes, image: Image.Image) -> Picture:
    format_name = format_of(image)
    options = _OPTIONS[format_name](data, image)
    standing = upright(image)
    if standing is image and format_name == "PNG" and _has_sixteen_bit_colours(data):
        return measured(_sixteen_bits(data, image.size), format_name, image.size)
    return measured(encoded(standing, format_name, _QUALITY, options), format_name, standing.size)


def _of_png(_: bytes, __: Image.Image) -> dict[str, Any]:
    return {}


def _of_jpeg(_: bytes, image: Image.Image) -> dict[str, Any]:
    """Neither progressive nor optimized: Pillow would write those in one go, and hold up the whole process by it."""
    if isinstance(image, JpegImageFile) and image.quantization and (sampling := get_sampling(image)) >= 0:
        return {"qtables": image.quantization, "subsampling": sampling, "quality": -1}
    return {}


def _of_webp(data: bytes, _: Image.Image) -> dict[str, Any]:
    lossless = b"VP8L" in {kind for kind, _ in _webp_chunks(data)}
    return {"lossless": True, "exact": True, "quality": _LOSSLESS_EFFORT} if lossless else {}


_OPTIONS = {"PNG": _of_png, "JPEG": _of_jpeg, "WEBP": _of_webp}


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


_PNG_START = b"\x89PNG\r\n\x1a\n"
_COLOURS, _GREYS_WITH_ALPHA, _COLOURS_WITH_ALPHA = 2, 4, 6
# What says how the pixels are to be seen; texts, places, times and what nobody knows are left out.
_SEEN = {b"IHDR", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"pHYs"}


def _has_sixteen_bit_colours(data: bytes) -> bool:
    depth, colours = data[24], data[25]
    return depth == 16 and colours in {_COLOURS, _GREYS_WITH_ALPHA, _COLOURS_WITH_ALPHA}


def _sixteen_bits(data: bytes, size: Size) -> bytes:
    """
    A PNG whose pixels stay as they were packed, since Pillow would make 8 bits of the 16 that each colour has.

    It has been decoded, so it is sound; what trails behind the packed pixels is cut off as well.
    """
    width, height = size
    most_bytes = width * height * 8 + 4 * (width + height) + 64  # interlaced, each row of each pass has one byte more
    chunks = list(_png_chunks(data))
    packed = _packed_pixels(b"".join(body for kind, body in chunks if kind == b"IDAT"), most_bytes)
    seen = b"".join(_chunk(kind, body) for kind, body in chunks if kind in _SEEN)
    return _PNG_START + seen + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_START)
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _packed_pixels(packed: bytes, most_bytes: int) -> bytes:
    """The zlib stream alone, which holds so many bytes at most."""
    unpacking, rest = zlib.decompressobj(), packed
    while rest and not unpacking.eof and most_bytes > 0:
        most_bytes -= len(unpacking.decompress(rest, _INFLATED_AT_ONCE_BYTES))
        rest = unpacking.unconsumed_tail
    if not unpacking.eof or most_bytes < 0:
        raise damaged()
    return packed[: len(packed) - len(unpacking.unused_data)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
