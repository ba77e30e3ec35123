"""What the image models take: the sizes they offer and whether they must be told to answer with the picture itself."""

from math import log

from domain.pictures import ASPECT_RATIOS, require_aspect_ratio

_STANDARD_SIZES = ("1024x1024", "1536x1024", "1024x1536")
_SIZES = {"dall-e-3": ("1024x1024", "1792x1024", "1024x1792")}
_ALWAYS_BASE64 = ("gpt-image", "chatgpt-image")


def nearest_size(model: str, aspect_ratio: str) -> str:
    """The offered size, `WIDTHxHEIGHT` in pixels, that loses least when it is cropped to this aspect ratio."""
    width, height = ASPECT_RATIOS[require_aspect_ratio(aspect_ratio)]
    return min(_SIZES.get(model, _STANDARD_SIZES), key=lambda size: abs(log(_ratio(size) * height / width)))


def asks_for_base64(model: str) -> bool:
    """Other models answer with a URL unless told otherwise; these refuse to be told."""
    return not model.startswith(_ALWAYS_BASE64)


def _ratio(size: str) -> float:
    width, height = size.split("x")
    return int(width) / int(height)
