"""Decoded pictures as bytes: what each format can hold, and how the rest is made to fit."""

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageCms

LONGEST_SIDES: dict[str, int] = {"PNG": 65_535, "JPEG": 65_500, "WEBP": 16_383}
_NONE: Mapping[str, Any] = MappingProxyType({})
_FULL_COLOUR = 90  # from this quality on, colours are kept as finely as brightness


def encoded(image: Image.Image, format_name: str, quality: int, options: Mapping[str, Any] = _NONE) -> bytes:
    """
    The picture in this format, with its colour profile and nothing else of what came with it.

    `options` are the format's own, as Pillow knows them, and go before what the quality means.
    """
    ready = _fitting(image, format_name)
    profile = ready.info.get("icc_profile") or b""
    kept = profile if profile[16:20] == _COLOUR_SPACES.get(ready.mode) else None
    ready.info = {name: value for name, value in ready.info.items() if name == "transparency"}
    written = BytesIO()
    chosen: dict[str, Any] = {"quality": quality, "subsampling": 0 if quality >= _FULL_COLOUR else 2, **options}
    ready.save(written, format_name, icc_profile=kept, **chosen)
    return written.getvalue()


_MODES: dict[str, tuple[str, ...]] = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
}

# What a profile must describe to belong to pixels of a mode; its header says what it describes.
_COLOUR_SPACES: dict[str, bytes] = {
    **dict.fromkeys(("1", "L", "LA", "I;16"), b"GRAY"),
    **dict.fromkeys(("P", "RGB", "RGBA"), b"RGB "),
    "CMYK": b"CMYK",
}


def _fitting(image: Image.Image, format_name: str) -> Image.Image:
    """The pixels as the format can hold them; one colour that stands for nothing is something that only PNG knows."""
    if image.mode in _MODES[format_name] and (format_name == "PNG" or "transparency" not in image.info):
        return image
    plain = _PLAIN.get(image.mode, _as_it_is)(image)
    full = plain.convert("RGBA" if plain.has_transparency_data else "RGB")
    return _on_white(full) if full.mode == "RGBA" and format_name == "JPEG" else full


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


def _of_ink(image: Image.Image) -> Image.Image:
    """Inks as light, by the profile that says how they look on paper, where there is one."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        inks = ImageCms.ImageCmsProfile(BytesIO(profile))
        seen = ImageCms.profileToProfile(image, inks, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return seen or image


def _eight_bits(image: Image.Image) -> Image.Image:
    plain = image.point(lambda value: value / 256, "L")
    plain.info.pop("transparency", None)  # it names one of 65,536 greys
    return plain


_PLAIN: dict[str, Callable[[Image.Image], Image.Image]] = {"CMYK": _of_ink, "I;16": _eight_bits}


def _on_white(image: Image.Image) -> Image.Image:
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image)
    paper.info = image.info
    return paper
