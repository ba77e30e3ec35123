"""What is kept of a picture that somebody sends: what can be seen, and nothing else."""

import asyncio
import re
import struct
import time
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from domain.errors import InvalidInput
from domain.pictures import Picture
from providers.cleaning import clean_picture
from providers.pictures import read_picture
from tests.providers.drawing import BLUE, PROFILE, RED, encoded, near, plain, quarters

FORMATS = ("PNG", "JPEG", "WEBP")
SECRET = b"taken at 48.51 N"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def sixteen_bits(colours: int, channels: int, *extra: bytes, tail: bytes = b"", size: int = 4) -> bytes:
    """A PNG of 16 bits a channel, the values 40,000 and on; `extra` chunks stand before its pixels."""
    row = b"\0" + b"".join(struct.pack(">H", 40_000 + i) for i in range(size * channels))
    header = struct.pack(">IIBBBBB", size, size, 16, colours, 0, 0, 0)
    pixels = zlib.compress(row * size) + tail
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *extra, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


def pixels_of(data: bytes) -> bytes:
    """The unpacked rows of a PNG."""
    found = b"".join(data[m.end() : m.end() + length(data, m)] for m in re.finditer(b"IDAT", data))
    return zlib.decompress(found)


def length(data: bytes, marker: "re.Match[bytes]") -> int:
    return int.from_bytes(data[marker.start() - 4 : marker.start()])


def seen(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.data))
    image.load()
    return image


def photo(format_name: str, orientation: int = 1, **options: Any) -> bytes:
    """As a phone writes it: with the place, an author and a thumbnail of what is hidden."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}
    image = plain(40, 20, colour=RED)
    image.paste(BLUE, (0, 0, 20, 20))
    return encoded(image, format_name, exif=exif, xmp=b"<x>" + SECRET + b"</x>", icc_profile=PROFILE, **options)


@pytest.mark.parametrize("format_name", FORMATS)
async def test_a_photo_keeps_its_colours_and_nothing_of_where_it_was_taken(format_name: str) -> None:
    data = photo(format_name)
    picture = await clean_picture(data)
    assert SECRET in data
    assert SECRET not in picture.data
    image = seen(picture)
    assert (image.format, image.size, dict(image.getexif())) == (format_name, (40, 20), {})
    assert image.info["icc_profile"] == PROFILE
    assert near(image.convert("RGB").getpixel((5, 5)), BLUE, within=8)


@pytest.mark.parametrize("format_name", FORMATS)
async def test_a_photo_taken_sideways_stands_upright(format_name: str) -> None:
    picture = await clean_picture(photo(format_name, orientation=6))
    assert (picture.width, picture.height) == seen(picture).size == (20, 40)
    assert near(seen(picture).convert("RGB").getpixel((10, 5)), BLUE, within=8)


@pytest.mark.parametrize("format_name", FORMATS)
async def test_a_cleaned_picture_is_sound_and_cleaning_it_again_changes_little(format_name: str) -> None:
    once = await clean_picture(encoded(quarters(), format_name))
    assert await read_picture(once.data) == once
    again = await clean_picture(once.data)
    for place in ((50, 50), (150, 50), (50, 150), (150, 150)):
        before, after = (seen(each).convert("RGB").getpixel(place) for each in (once, again))
        assert near(before, after, within=4)


async def test_a_jpeg_is_written_with_its_own_tables_and_hardly_grows() -> None:
    noise = Image.effect_noise((300, 200), 60).convert("RGB")
    for options in ({"quality": 30}, {"quality": 85}, {"quality": 75, "progressive": True}):
        data = encoded(noise, "JPEG", **options)
        picture = await clean_picture(data)
        assert len(picture.data) < len(data) * 1.2
        assert seen(picture).quantization == Image.open(BytesIO(data)).quantization  # type: ignore[attr-defined]


async def test_a_lossless_webp_stays_as_it_was_to_the_pixel() -> None:
    noise = Image.effect_noise((60, 40), 60).convert("RGBA")
    noise.putalpha(Image.effect_noise((60, 40), 90))
    picture = await clean_picture(encoded(noise, "WEBP", lossless=True, exact=True))
    assert seen(picture).tobytes() == noise.tobytes()


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
async def test_what_is_transparent_stays_transparent(format_name: str) -> None:
    picture = await clean_picture(encoded(plain(20, 20, "RGBA", (0, 0, 255, 128)), format_name))
    assert near(seen(picture).convert("RGBA").getpixel((10, 10)), (0, 0, 255, 128))


async def test_sixteen_bits_of_grey_stay_sixteen() -> None:
    picture = await clean_picture(encoded(plain(8, 8, "I;16", 40_001)))
    assert seen(picture).getpixel((3, 3)) == 40_001


@pytest.mark.parametrize(("colours", "channels"), [(2, 3), (4, 2), (6, 4)], ids=["RGB", "grey and alpha", "RGBA"])
async def test_sixteen_bits_of_colour_stay_as_they_are_without_what_else_the_file_told(
    colours: int, channels: int
) -> None:
    told = [chunk(b"tEXt", b"Author\0" + SECRET), chunk(b"gAMA", struct.pack(">I", 45_455)), chunk(b"prVt", SECRET)]
    data = sixteen_bits(colours, channels, *told, tail=SECRET)
    picture = await clean_picture(data + SECRET)
    assert SECRET not in picture.data
    assert b"gAMA" in picture.data
    assert pixels_of(picture.data) == pixels_of(sixteen_bits(colours, channels))
    assert await read_picture(picture.data) == picture


async def test_sixteen_bits_that_unpack_to_more_than_the_picture_are_refused() -> None:
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    bomb = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(50_000_000))) + chunk(b"IEND", b"")
    with pytest.raises(InvalidInput):
        await clean_picture(b"\x89PNG\r\n\x1a\n" + bomb)


async def test_hidden_texts_and_archives_are_gone() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", SECRET.decode())
    texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    for data in (encoded(quarters(), "PNG", pnginfo=texts), encoded(quarters(), "JPEG", comment=SECRET)):
        picture = await clean_picture(data + b"PK\x03\x04" + SECRET)
        assert SECRET not in picture.data
        assert b"PK\x03\x04" not in picture.data


async def test_inks_stay_inks_and_the_first_of_a_phones_pictures_is_kept() -> None:
    inks = await clean_picture(encoded(plain(16, 16, "CMYK", (0, 255, 255, 0)), "JPEG"))
    assert seen(inks).mode == "CMYK"
    several = encoded(quarters(), "MPO", save_all=True, append_images=[plain(60, 40)])
    picture = await clean_picture(several)
    assert (picture.mime_type, picture.width, picture.height) == ("image/jpeg", 200, 200)
    assert seen(picture).format == "JPEG"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
async def test_pixels_of_every_kind_keep_their_kind(mode: str) -> None:
    assert seen(await clean_picture(encoded(plain(40, 20, mode)))).mode == mode


@pytest.mark.parametrize("format_name", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
async def test_other_formats_are_refused(format_name: str) -> None:
    with pytest.raises(InvalidInput, match="PNG, JPEG or WebP"):
        await clean_picture(encoded(plain(20, 20), format_name))


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
async def test_an_animated_picture_is_refused(format_name: str) -> None:
    data = encoded(plain(20, 20), format_name, save_all=True, append_images=[quarters(10)], duration=100)
    with pytest.raises(InvalidInput, match="single frame"):
        await clean_picture(data)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
async def test_a_truncated_picture_is_refused(format_name: str, share: float) -> None:
    data = encoded(Image.effect_noise((60, 40), 60).convert("RGB"), format_name)
    with pytest.raises(InvalidInput):
        await clean_picture(data[: int(len(data) * share)])


async def test_a_jpeg_that_is_drawn_again_and_again_is_refused() -> None:
    data = encoded(plain(5_000, 5_000, "L", 128), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert (await clean_picture(data)).width == 5_000
    with pytest.raises(InvalidInput, match="too many passes"):
        await clean_picture(data[:-2] + last * 2_000 + b"\xff\xd9")


async def test_writing_a_large_picture_anew_holds_nobody_up() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((3_000, 3_000), 90)] * 3)
    data = encoded(noise, "JPEG", quality=90, progressive=True)
    cleaning, gaps = asyncio.create_task(clean_picture(data)), [0.0]
    while not cleaning.done():
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        gaps.append(time.perf_counter() - before)
    assert (await cleaning).width == 3_000
    assert max(gaps) < 0.2, "Pillow held the interpreter: it would write a progressive JPEG in one go"
