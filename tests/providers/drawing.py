"""Small pictures, and what becomes of them."""

from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

from domain.pictures import Change
from providers.changes import change_picture
from providers.pictures import read_picture

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
