"""Picture files that say whether a model made them."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from domain.pictures import Change, DigitalSource, Format
from providers.changes import change_picture
from providers.marks import mark_of, marked
from providers.pictures import read_picture
from tests.providers.drawing import PROFILE, encoded, plain, quarters

NEWSCODE = b"http://cv.iptc.org/newscodes/digitalsourcetype/"
OTHER_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><other/></x:xmpmeta>'
FILES: dict[str, bytes] = {
    "png": encoded(quarters(), icc_profile=PROFILE),
    "grey png": encoded(plain(3, 5, "L")),
    "jpeg": encoded(quarters(), "JPEG", icc_profile=PROFILE),
    "jpeg with exif": encoded(quarters(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "progressive jpeg": encoded(quarters(), "JPEG", progressive=True),
    "jpeg with xmp": encoded(quarters(), "JPEG", xmp=OTHER_XMP),
    "webp": encoded(plain(33, 7), "WEBP"),
    "lossless webp": encoded(plain(33, 7), "WEBP", lossless=True),
    "clear webp": encoded(plain(33, 7, "RGBA", (1, 2, 3, 4)), "WEBP", lossless=True),
    "clear lossy webp": encoded(plain(33, 7, "RGBA", (1, 2, 3, 4)), "WEBP"),
    "extended webp": encoded(plain(33, 7), "WEBP", icc_profile=PROFILE),
    "webp with xmp": encoded(plain(33, 7), "WEBP", xmp=OTHER_XMP),
}


def xmp_of(data: bytes) -> bytes:
    """As Pillow, which is not what wrote it, finds it."""
    found: Any = Image.open(BytesIO(data)).info["xmp"]
    return found if isinstance(found, bytes) else bytes(found, "utf-8")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("source", DigitalSource)
async def test_a_mark_is_found_by_others_and_changes_nothing_else(name: str, source: DigitalSource) -> None:
    before = FILES[name]
    after = marked(before, source)
    assert NEWSCODE + source.encode() + b'"' in xmp_of(after)
    assert after.count(NEWSCODE) == 1
    assert OTHER_XMP not in after
    was, is_ = Image.open(BytesIO(before)), Image.open(BytesIO(after))
    assert (is_.size, is_.mode, is_.format) == (was.size, was.mode, was.format)
    assert is_.info.get("icc_profile") == was.info.get("icc_profile")
    assert is_.tobytes() == was.tobytes()
    assert (await read_picture(after)).data == after
    assert mark_of(after) is source


@pytest.mark.parametrize("name", FILES)
def test_what_says_it_already_stays_as_it_is(name: str) -> None:
    once = marked(FILES[name], DigitalSource.MODEL)
    assert marked(once, DigitalSource.COMPOSITE_WITH_MODEL) == once
    assert marked(FILES[name], None) == FILES[name]
    assert mark_of(FILES[name]) is None


def test_a_signed_manifest_is_a_mark_too() -> None:
    text = PngInfo()
    text.add(b"caBX", b"jumb c2pa \x78\x4d" + NEWSCODE + b"trainedAlgorithmicMedia\xa0")
    signed = encoded(plain(2, 2), pnginfo=text)
    assert mark_of(signed) is DigitalSource.MODEL
    assert marked(signed, DigitalSource.MODEL) == signed


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
async def test_what_is_made_of_a_marked_picture_is_marked_as_it_is(name: str, format_: Format) -> None:
    change = Change(width=16, height=16, format=format_)
    made = await change_picture(marked(FILES[name], DigitalSource.COMPOSITE_WITH_MODEL), change)
    assert mark_of(made) is DigitalSource.COMPOSITE_WITH_MODEL
    assert NEWSCODE in xmp_of(made)
    assert mark_of(await change_picture(FILES[name], change)) is None
