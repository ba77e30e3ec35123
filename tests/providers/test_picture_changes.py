"""What becomes of a picture that is cut, resized or written in another format."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms

from domain.errors import ErrorCode, InvalidInput
from domain.pictures import Change, Fit, Format
from providers.changes import change_picture
from providers.pictures import fit_aspect_ratio, read_picture

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    written = BytesIO()
    image.save(written, format_name, **options)
    return written.getvalue()


def plain(width: int, height: int, mode: str = "RGB", colour: Any = 0) -> Image.Image:
    return Image.new(mode, (width, height), colour)


def quarters(side: int = 100) -> Image.Image:
    """Red and green above, blue and white below."""
    image = plain(2 * side, 2 * side, colour=WHITE)
    for colour, place in ((RED, (0, 0)), (GREEN, (side, 0)), (BLUE, (0, side))):
        image.paste(colour, (*place, place[0] + side, place[1] + side))
    return image


async def changed(image: Image.Image | bytes, **asked: Any) -> Image.Image:
    data = image if isinstance(image, bytes) else encoded(image)
    made = await change_picture(data, Change(**asked))
    await read_picture(made)
    return Image.open(BytesIO(made))


def near(one: Any, other: Any, within: int = 3) -> bool:
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


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
    focal = {"focal_x": focus[0], "focal_y": focus[1]}
    across = await changed(quarters(), width=200, height=10, **focal)
    down = await changed(quarters(), width=10, height=200, **focal)
    for cut, where in ((across, (focus[0] * 199, focus[1] * 9)), (down, (focus[0] * 9, focus[1] * 199))):
        assert cut.getpixel((round(where[0]), round(where[1]))) == colour


async def test_without_a_focal_point_the_middle_stays() -> None:
    image = plain(300, 100, colour=RED)
    image.paste(BLUE, (100, 0, 200, 100))
    assert (await changed(image, aspect_ratio="1:1")).getcolors() == [(100 * 100, BLUE)]


async def test_what_is_contained_is_not_cut() -> None:
    made = await changed(quarters(), width=50, height=20, fit=Fit.CONTAIN)
    corners = [made.getpixel(place) for place in ((2, 2), (17, 2), (2, 17), (17, 17))]
    assert made.size == (20, 20)
    assert corners == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize("before", ["PNG", "JPEG", "WEBP"])
async def test_every_format_becomes_every_other(before: str, format_: Format) -> None:
    made = await changed(encoded(quarters(), before, icc_profile=PROFILE), format=format_)
    assert made.format == format_.upper()
    assert made.info["icc_profile"] == PROFILE
    assert near(made.convert("RGB").getpixel((50, 50)), RED)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP"])
async def test_a_picture_keeps_its_format_where_none_is_asked(format_name: str) -> None:
    assert (await changed(encoded(quarters(), format_name), width=40)).format == format_name


async def test_a_lower_quality_is_a_smaller_file() -> None:
    data = encoded(Image.effect_noise((200, 200), 80).convert("RGB"))
    for format_ in (Format.JPEG, Format.WEBP):
        sizes = [len(await change_picture(data, Change(format=format_, quality=quality))) for quality in (1, 50, 100)]
        assert sizes == sorted(sizes)
        assert sizes[0] * 3 < sizes[2]


@pytest.mark.parametrize("format_", [Format.PNG, Format.WEBP])
async def test_transparency_is_kept_where_it_can_be(format_: Format) -> None:
    image = plain(40, 40, "RGBA", (255, 0, 0, 0))
    image.paste((0, 0, 255, 128), (20, 0, 40, 40))
    made = await changed(image, width=20, format=format_)
    assert made.mode == "RGBA"
    assert made.getpixel((2, 10))[3] == 0  # type: ignore[index]
    assert near(made.getpixel((17, 10)), (0, 0, 255, 128))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
async def test_what_is_transparent_is_white_in_a_jpeg(mode: str) -> None:
    made = await changed(plain(20, 20, mode), format=Format.JPEG)
    assert near(made.getpixel((10, 10)), WHITE)


async def test_no_dark_rim_grows_around_what_is_transparent() -> None:
    """Colours behind full transparency, black here, must not come forward when neighbours are mixed."""
    image = plain(64, 64, "RGBA", (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (16, 16, 48, 48))
    made = await changed(image, width=9, format=Format.PNG)
    rim = [pixel for pixel in made.get_flattened_data() if 8 < pixel[3] < 250]  # type: ignore[index]
    assert rim
    assert all(min(pixel[:3]) > 240 for pixel in rim)  # type: ignore[index]


def palette_with_a_hole() -> bytes:
    image = plain(40, 40, colour=RED)
    image.paste(GREEN, (20, 0, 40, 40))
    indexed = image.quantize(2)
    return encoded(indexed, transparency=indexed.getpixel((0, 0)))


def one_colour_for_nothing() -> bytes:
    image = plain(40, 40, colour=RED)
    image.paste(GREEN, (20, 0, 40, 40))
    return encoded(image, transparency=RED)


@pytest.mark.parametrize("data", [palette_with_a_hole(), one_colour_for_nothing()], ids=["palette", "colour key"])
@pytest.mark.parametrize("asked", [{}, {"width": 10}, {"aspect_ratio": "4:3"}], ids=str)
async def test_one_transparent_colour_stays_transparent(data: bytes, asked: dict[str, Any]) -> None:
    for format_ in (Format.PNG, Format.WEBP):
        made = (await changed(data, format=format_, **asked)).convert("RGBA")
        assert made.getpixel((0, 0))[3] == 0  # type: ignore[index]
        assert near(made.getpixel((made.width - 1, 0)), (*GREEN, 255))
    on_paper = await changed(data, format=Format.JPEG, **asked)
    assert near(on_paper.getpixel((0, 0)), WHITE, within=8)


async def test_a_palette_is_resized_in_colours_between_its_own() -> None:
    image = plain(99, 20, colour=(0, 0, 0))
    image.paste(WHITE, (50, 0, 99, 20))
    colours = (await changed(image.quantize(2), width=10)).convert("L").getcolors()
    assert colours is not None
    assert len(colours) > 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize("asked", [{}, {"width": 7}, {"aspect_ratio": "1:1", "height": 50}], ids=str)
async def test_pixels_of_every_kind_can_be_changed(mode: str, format_: Format, asked: dict[str, Any]) -> None:
    made = await changed(plain(40, 20, mode), format=format_, **asked)
    assert made.format == format_.upper()


async def test_sixteen_bits_stay_sixteen_in_a_png_and_are_scaled_elsewhere() -> None:
    image = plain(8, 8, "I;16", 40_000)
    assert (await changed(image, width=4)).getpixel((1, 1)) == 40_000
    for format_ in (Format.JPEG, Format.WEBP):
        made = await changed(image, width=4, format=format_)
        assert near(made.convert("RGB").getpixel((1, 1)), (156, 156, 156))


def grey_press() -> bytes:
    """An ICC profile of a press on which every mixture of the four inks looks grey."""
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65_536 * (number % 4 == 0) for number in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + bytes((140, 128, 128)) * 16 + ramp * 3
    header = struct.pack(">I4sI4s4s4s", 144 + len(table), b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D) + bytes(48)
    return header + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


async def test_inks_become_light_as_their_profile_says() -> None:
    image, profile = plain(8, 8, "CMYK", (255, 0, 255, 0)), grey_press()
    data = encoded(image, "JPEG", icc_profile=profile, quality=100)
    for format_ in (Format.PNG, Format.WEBP):
        made = await changed(data, format=format_)
        red, green, blue = made.convert("RGB").getpixel((4, 4))  # type: ignore[misc] # without the profile: all green
        assert near((red, blue), (green, green))
        assert made.info["icc_profile"][16:20] == b"RGB "
    kept = await changed(data, width=4)
    assert (kept.mode, kept.info["icc_profile"]) == ("CMYK", profile)


@pytest.mark.parametrize("profile", [None, b"no profile", grey_press()[:300]])
async def test_inks_become_light_without_a_profile_too(profile: bytes | None) -> None:
    data = encoded(plain(8, 8, "CMYK", (0, 255, 255, 0)), "JPEG", icc_profile=profile, quality=100)
    made = await changed(data, format=Format.PNG)
    assert near(made.getpixel((4, 4)), (254, 0, 0), within=6)
    assert "icc_profile" not in made.info


async def test_a_profile_of_other_pixels_is_left_out() -> None:
    made = await changed(encoded(plain(8, 8, "L", 90), icc_profile=PROFILE), width=4)
    assert "icc_profile" not in made.info


def photo(orientation: int, format_name: str) -> bytes:
    """As a camera writes it: turned, with the place it was taken at, a comment and a description."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}
    image = plain(40, 20, colour=RED)
    image.paste(BLUE, (0, 0, 20, 20))
    return encoded(image, format_name, exif=exif, comment=b"secret", xmp=b"<x:xmpmeta>secret</x:xmpmeta>")


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size", "blue"),
    [
        (1, (40, 20), (2, 10)), (2, (40, 20), (37, 10)), (3, (40, 20), (37, 10)), (4, (40, 20), (2, 10)),
        (5, (20, 40), (10, 2)), (6, (20, 40), (10, 2)), (7, (20, 40), (10, 37)), (8, (20, 40), (10, 37)),
        (0, (40, 20), (2, 10)), (99, (40, 20), (2, 10)),
    ],
)  # fmt: skip
async def test_a_photo_stands_upright_and_tells_nothing_of_its_maker(
    format_name: str, orientation: int, size: tuple[int, int], blue: tuple[int, int]
) -> None:
    made = await change_picture(photo(orientation, format_name), Change(format=Format.JPEG, quality=100))
    image = Image.open(BytesIO(made))
    assert image.size == size
    assert near(image.getpixel(blue), BLUE, within=12)
    assert not image.getexif()
    assert b"secret" not in made
    assert b"Exif" not in made


async def test_a_photo_is_cut_as_it_stands() -> None:
    assert (await changed(photo(6, "JPEG"), aspect_ratio="9:16")).size == (20, 36)
    cropped = Image.open(BytesIO(await fit_aspect_ratio(photo(6, "JPEG"), "9:16")))
    assert cropped.size == (20, 36)
    assert near(cropped.getpixel((10, 2)), BLUE, within=12)


@pytest.mark.parametrize("exif", [b"Exif\x00\x00", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"Exif\x00\x00MM\x00*" * 9])
@pytest.mark.filterwarnings("ignore")
async def test_exif_that_cannot_be_read_is_no_exif(exif: bytes) -> None:
    assert (await changed(encoded(plain(40, 20), "JPEG", exif=exif), width=20)).size == (20, 10)


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
     encoded(quarters(), "GIF"), png_claiming(60_000, 60_000), png_claiming(65_536, 1)],
    ids=["nothing", "svg", "half a png", "half a jpeg", "half a webp", "gif", "bomb", "thread"],
)  # fmt: skip
async def test_what_is_no_sound_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        await change_picture(data, Change(width=10))
    assert refused.value.details == {"field": "file"}


async def test_the_same_change_makes_the_same_bytes() -> None:
    data, change = encoded(quarters(), "JPEG"), Change(aspect_ratio="16:9", width=77, format=Format.WEBP)
    assert await change_picture(data, change) == await change_picture(data, change)
