"""What becomes of a picture that is cut or resized."""

import struct
import zlib
from typing import Any

import pytest

from domain.errors import ErrorCode, InvalidInput
from domain.pictures import Change, Fit, Format
from providers.changes import change_picture
from tests.providers.drawing import BLUE, GREEN, RED, WHITE, changed, encoded, plain, quarters


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"format": Format.PNG}, (400, 200)),
        ({"aspect_ratio": "1:1"}, (200, 200)),
        ({"width": 100}, (100, 50)),
        ({"height": 100}, (200, 100)),
        ({"width": 800}, (800, 400)),
        ({"width": 90, "height": 120}, (90, 120)),
        ({"aspect_ratio": "1:1", "width": 64}, (64, 64)),
        ({"aspect_ratio": "16:9", "height": 90}, (160, 90)),
        ({"width": 100, "height": 100, "fit": Fit.CONTAIN}, (100, 50)),
        ({"width": 300, "height": 50, "fit": Fit.CONTAIN}, (100, 50)),
        ({"width": 1000, "fit": Fit.CONTAIN}, (400, 200)),
        ({"height": 20, "fit": Fit.CONTAIN}, (40, 20)),
    ],
)
async def test_a_picture_becomes_as_large_as_asked(asked: dict[str, Any], size: tuple[int, int]) -> None:
    assert (await changed(plain(400, 200), **asked)).size == size


@pytest.mark.parametrize(
    ("focus", "colour"), [((0.0, 0.0), RED), ((0.9, 0.1), GREEN), ((0.2, 0.8), BLUE), ((1.0, 1.0), WHITE)]
)
async def test_what_is_at_the_focal_point_stays(focus: tuple[float, float], colour: tuple[int, int, int]) -> None:
    """A narrow cut is all of one quarter's height, or width, only where it lies at the focal point."""
    focal = {"focal_x": focus[0], "focal_y": focus[1]}
    across = await changed(quarters(), width=200, height=10, **focal)
    down = await changed(quarters(), width=10, height=200, **focal)
    x, y = round(focus[0] * 199), round(focus[1] * 199)
    seen = [across.getpixel((x, 0)), across.getpixel((x, 9)), down.getpixel((0, y)), down.getpixel((9, y))]
    assert seen == [colour] * 4


async def test_without_a_focal_point_the_middle_stays() -> None:
    image = plain(300, 100, colour=RED)
    image.paste(BLUE, (100, 0, 200, 100))
    assert (await changed(image, aspect_ratio="1:1")).getcolors() == [(100 * 100, BLUE)]


async def test_what_is_contained_is_not_cut() -> None:
    image = plain(300, 100, colour=WHITE)
    image.paste(RED, (0, 0, 60, 100))
    image.paste(BLUE, (240, 0, 300, 100))
    made = await changed(image, width=30, height=30, fit=Fit.CONTAIN)
    assert made.size == (30, 10)
    assert [made.getpixel((x, 5)) for x in (1, 15, 28)] == [RED, WHITE, BLUE]


@pytest.mark.parametrize("size", [(1, 1), (8_000, 1), (1, 8_000)])
@pytest.mark.parametrize(
    "asked",
    [{"aspect_ratio": "21:9"}, {"width": 300, "height": 20}, {"width": 8, "fit": Fit.CONTAIN}, {"format": Format.WEBP}],
    ids=str,
)
async def test_the_thinnest_pictures_can_be_changed(size: tuple[int, int], asked: dict[str, Any]) -> None:
    made = await changed(plain(*size), **asked)
    assert min(made.size) >= 1
    assert made.size == (300, 20) or "height" not in asked


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        ((8_000, 1), {"height": 8_192}),
        ((1, 8_000), {"width": 8_192}),
        ((10, 10), {"width": 8_192, "height": 8_192}),
        ((17_000, 1), {"format": Format.WEBP}),
        ((65_535, 1), {"format": Format.JPEG}),
    ],
)
async def test_what_would_be_too_large_is_refused_before_it_is_made(
    size: tuple[int, int], asked: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="can have at most 50,000,000 pixels") as refused:
        await change_picture(encoded(plain(*size)), Change(**asked))
    assert refused.value.code is ErrorCode.VALIDATION_ERROR


def png_claiming(width: int, height: int) -> bytes:
    """A few dozen bytes whose header promises this many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg/>", encoded(quarters())[:300], encoded(quarters(), "JPEG")[:900], encoded(quarters(), "WEBP")[:80],
     encoded(quarters(), "GIF"), png_claiming(60_000, 60_000), encoded(plain(65_536, 1))],
    ids=["nothing", "svg", "half a png", "half a jpeg", "half a webp", "gif", "bomb", "thread"],
)  # fmt: skip
async def test_what_is_no_sound_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        await change_picture(data, Change(width=10))
    assert refused.value.details == {"field": "file"}


async def test_the_same_change_makes_the_same_bytes() -> None:
    data, change = encoded(quarters(), "JPEG"), Change(aspect_ratio="16:9", width=77, format=Format.WEBP)
    assert await change_picture(data, change) == await change_picture(data, change)
