"""What is kept of a picture that is written anew: its colours, its transparency, which way is up."""

import struct
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from domain.pictures import Change, Format
from providers.changes import change_picture
from providers.pictures import fit_aspect_ratio
from tests.providers.drawing import BLUE, GREEN, PROFILE, RED, WHITE, changed, encoded, near, plain, quarters


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
    made = await changed(encoded(plain(20, 20, mode), icc_profile=PROFILE), format=Format.JPEG)
    assert near(made.getpixel((10, 10)), WHITE)
    assert made.info["icc_profile"] == PROFILE


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


async def test_a_transparent_colour_does_not_mix_with_its_neighbours() -> None:
    made = await changed(one_colour_for_nothing(), width=9)
    seen = [pixel for pixel in made.get_flattened_data() if pixel[3] > 8]  # type: ignore[index]
    assert seen
    assert all(near(pixel[:3], GREEN) for pixel in seen)  # type: ignore[index]


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


@pytest.mark.parametrize(
    "exif",
    [b"Exif\x00\x00", b"Exif\x00\x00I", b"Exif\x00\x00XX*\x00\x08\x00\x00\x00", b"Exif\x00\x00II*\x00" + b"\xff" * 9],
)
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
async def test_exif_that_cannot_be_read_is_no_exif(format_name: str, exif: bytes) -> None:
    assert (await changed(encoded(plain(40, 20), format_name, exif=exif), width=20)).size == (20, 10)
