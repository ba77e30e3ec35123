"""A sign that stands where a picture should be, and says so."""

from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from domain.pictures import ASPECT_RATIOS, largest_inside
from providers.pictures import in_picture_thread

LONGER_SIDE = 1024
WORDS = "Placeholder: no new images at present"

_PAPER, _INK = (232, 232, 236), (96, 96, 108)


async def placeholder(aspect_ratio: str) -> bytes:
    """A JPEG of this shape, `LONGER_SIDE` pixels at the longer side, with words on it."""
    return await in_picture_thread(_drawn, aspect_ratio)


@cache
def _drawn(aspect_ratio: str) -> bytes:
    size = largest_inside((LONGER_SIDE, LONGER_SIDE), ASPECT_RATIOS[aspect_ratio])
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 8, size[0] - 9, size[1] - 9), outline=_INK, width=2)
    draw.text((size[0] / 2, size[1] / 2), WORDS, fill=_INK, font=ImageFont.load_default(size[0] / 28), anchor="mm")
    encoded = BytesIO()
    image.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()
