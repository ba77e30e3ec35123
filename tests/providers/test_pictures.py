import asyncio
import struct
import zlib
from hashlib import sha256
from io import BytesIO

import pytest
from PIL import Image

from domain.errors import ErrorCode, InvalidInput
from providers.pictures import fit_aspect_ratio, read_picture

FORMATS = ("PNG", "JPEG", "WEBP")


def noise(width: int = 120, height: int = 80) -> Image.Image:
    pattern = bytes((x * 7 + y * 13 + (x * y) % 31) % 256 for y in range(height) for x in range(width))
    return Image.frombytes("L", (width, height), pattern).convert("RGB")


def encoded(image: Image.Image, format_name: str, **options: object) -> bytes:
    written = BytesIO()
    image.save(written, format_name, **options)
    return written.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A few dozen bytes whose header promises this many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(99)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("format_name", "mime_type", "extension"),
    [("PNG", "image/png", "png"), ("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp")],
)
async def test_a_sound_picture_is_measured_and_kept_as_it_is(format_name: str, mime_type: str, extension: str) -> None:
    data = encoded(noise(), format_name)
    picture = await read_picture(data)
    assert (picture.data, picture.sha256) == (data, sha256(data).hexdigest())
    assert (picture.mime_type, picture.extension) == (mime_type, extension)
    assert (picture.width, picture.height) == (120, 80)


@pytest.mark.parametrize("format_name", FORMATS)
async def test_a_picture_of_one_pixel_is_a_picture(format_name: str) -> None:
    picture = await read_picture(encoded(noise(1, 1), format_name))
    assert (picture.width, picture.height) == (1, 1)


@pytest.mark.parametrize("format_name", FORMATS)
async def test_what_trails_behind_the_picture_is_cut_off(format_name: str) -> None:
    data = encoded(noise(), format_name)
    picture = await read_picture(data + b"PK\x03\x04 an archive \xff\xd9 and IEND in a picture's coat")
    assert (picture.data, picture.sha256) == (data, sha256(data).hexdigest())


async def test_a_progressive_jpeg_with_a_thumbnail_inside_is_kept_whole() -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9 thumbnail"
    data = encoded(noise(), "JPEG", progressive=True, exif=exif, icc_profile=b"\xff\xd9" * 40)
    assert (await read_picture(data)).data == data


async def test_of_the_several_pictures_a_phone_writes_the_first_is_kept() -> None:
    data = encoded(noise(), "MPO", save_all=True, append_images=[noise(60, 40)])
    picture = await read_picture(data)
    assert (picture.mime_type, picture.width, picture.height) == ("image/jpeg", 120, 80)
    assert len(picture.data) < len(data)
    assert await read_picture(picture.data) == picture


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
async def test_a_truncated_picture_is_refused(format_name: str, share: float) -> None:
    data = encoded(noise(), format_name)
    with pytest.raises(InvalidInput):
        await read_picture(data[: int(len(data) * share)])


async def test_a_png_with_a_flipped_bit_is_refused() -> None:
    data = bytearray(encoded(noise(), "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(InvalidInput, match="damaged"):
        await read_picture(bytes(data))


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
async def test_an_animated_picture_is_refused(format_name: str) -> None:
    data = encoded(noise(), format_name, save_all=True, append_images=[noise().rotate(180)], duration=100)
    with pytest.raises(InvalidInput, match="single frame"):
        await read_picture(data)


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
async def test_a_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(InvalidInput, match="at most 50,000,000 pixels"):
        await read_picture(png_claiming(side, side))


async def test_the_most_pixels_may_be_told() -> None:
    data = encoded(noise(10, 10), "PNG")
    assert (await read_picture(data, max_pixels=100)).width == 10
    with pytest.raises(InvalidInput, match="at most 99 pixels"):
        await read_picture(data, max_pixels=99)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x04\x00\x00\x00WEBP", b"<svg/>", bytes(1000)],
    ids=["nothing", "png start", "jpeg start", "webp start", "svg", "zeros"],
)
async def test_nonsense_is_refused_with_a_sentence_that_helps(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="send") as refusal:
        await read_picture(data)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    assert refusal.value.details == {"field": "file"}


@pytest.mark.parametrize("format_name", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
async def test_other_formats_are_refused(format_name: str) -> None:
    with pytest.raises(InvalidInput, match="PNG, JPEG or WebP"):
        await read_picture(encoded(noise(), format_name))


async def test_many_pictures_are_read_side_by_side() -> None:
    sizes = [(10 + n, 20) for n in range(12)]
    pictures = await asyncio.gather(*(read_picture(encoded(noise(*size), "PNG")) for size in sizes))
    assert [(picture.width, picture.height) for picture in pictures] == sizes


@pytest.mark.parametrize(
    ("size", "aspect_ratio", "fitted"),
    [
        ((120, 80), "1:1", (80, 80)),
        ((120, 80), "16:9", (120, 68)),
        ((80, 120), "9:16", (68, 120)),
        ((200, 100), "4:5", (80, 100)),
        ((100, 100), "21:9", (100, 43)),
    ],
)
@pytest.mark.parametrize("format_name", FORMATS)
async def test_a_picture_is_cropped_to_the_ratio_asked(
    format_name: str, size: tuple[int, int], aspect_ratio: str, fitted: tuple[int, int]
) -> None:
    picture = await read_picture(await fit_aspect_ratio(encoded(noise(*size), format_name), aspect_ratio))
    assert (picture.width, picture.height) == fitted
    assert Image.open(BytesIO(picture.data)).format == format_name


async def test_the_crop_keeps_the_middle() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    cropped = Image.open(BytesIO(await fit_aspect_ratio(encoded(image, "PNG"), "1:1")))
    assert cropped.getcolors() == [(100 * 100, (0, 0, 255))]


@pytest.mark.parametrize("size", [(1024, 576), (1024, 575), (1023, 576), (1, 1)])
async def test_a_picture_that_fits_to_a_pixel_is_left_alone(size: tuple[int, int]) -> None:
    data = encoded(noise(*size), "JPEG")
    assert await fit_aspect_ratio(data, "16:9") is data


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_a_crop_keeps_the_kind_of_pixels(mode: str) -> None:
    cropped = await fit_aspect_ratio(encoded(Image.new(mode, (40, 20)), "PNG"), "1:1")
    assert Image.open(BytesIO(cropped)).mode == mode


async def test_a_damaged_picture_is_not_cropped() -> None:
    data = encoded(noise(), "PNG")
    with pytest.raises(InvalidInput, match="damaged"):
        await fit_aspect_ratio(data[: len(data) // 2], "1:1")


async def test_an_unknown_ratio_is_refused() -> None:
    with pytest.raises(InvalidInput, match="aspect ratio"):
        await fit_aspect_ratio(encoded(noise(), "PNG"), "7:3")
