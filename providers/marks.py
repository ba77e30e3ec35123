"""
Marks in picture files that say whether a model made them: IPTC's digital source type in an XMP packet.

They are written into the file as it is, without a pixel decoded. A file that says it already, in XMP or in a signed
C2PA manifest, which a change would break, stays as it is.
"""

import re
import zlib
from collections.abc import Callable, Iterator

from domain.pictures import DigitalSource

_MARK = re.compile(rb"cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,64})")
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{source}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def mark_of(data: bytes) -> DigitalSource | None:
    """What a picture file says of where it comes from; None where it says nothing that is known here."""
    found = {text.decode() for text in _MARK.findall(data)}
    return next((source for source in DigitalSource if source in found), None)


def marked(data: bytes, source: DigitalSource | None) -> bytes:
    """The same picture, saying that it comes from there. `data` is a sound PNG, JPEG or WebP."""
    if source is None or _MARK.search(data):
        return data
    packet = _PACKET.format(source=source).encode()
    return next(write for start, write in _WRITERS if data.startswith(start))(data, packet)


_PNG_TEXT = b"XML:com.adobe.xmp\0\0\0\0\0"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def _mark_png(data: bytes, packet: bytes) -> bytes:
    chunks = [chunk for chunk in _png_chunks(data) if not chunk[4:].startswith(b"iTXt" + _PNG_TEXT[:18])]
    return data[:8] + chunks[0] + _png_chunk(b"iTXt", _PNG_TEXT + packet) + b"".join(chunks[1:])


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        yield data[at:end]
        at = end


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def _mark_jpeg(data: bytes, packet: bytes) -> bytes:
    """Behind what has to come first (JFIF), ahead of the rest."""
    head, at = b"", 2
    if data[at : at + 2] == b"\xff\xe0":
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        head = data[2:at]
    content = _JPEG_XMP + packet
    return b"\xff\xd8" + head + b"\xff\xe1" + (len(content) + 2).to_bytes(2) + content + _without_xmp(data[at:])


def _without_xmp(segments: bytes) -> bytes:
    """Without a packet that was there before, wherever it stood ahead of the pixels."""
    kept, at = b"", 0
    while segments[at : at + 1] == b"\xff" and segments[at + 1 : at + 2] not in {b"\xda", b"\xff", b""}:
        end = at + 2 + int.from_bytes(segments[at + 2 : at + 4])
        if segments[at + 4 : end].startswith(_JPEG_XMP) and segments[at + 1 : at + 2] == b"\xe1":
            return kept + segments[end:]
        kept += segments[at:end]
        at = end
    return segments


def _mark_webp(data: bytes, packet: bytes) -> bytes:
    chunks = [chunk for chunk in _webp_chunks(data) if chunk[:4] != b"XMP "]
    if chunks[0][:4] == b"VP8X":
        extended, rest = bytearray(chunks[0]), chunks[1:]
    else:
        extended, rest = bytearray(_extended(chunks[0])), chunks
    extended[8] |= 0b0000_0100  # there is XMP
    body = b"WEBP" + bytes(extended) + b"".join(rest) + _webp_chunk(b"XMP ", packet)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _webp_chunks(data: bytes) -> Iterator[bytes]:
    at = 12
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        yield data[at:end]
        at = end


def _webp_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


def _extended(pixels: bytes) -> bytes:
    """The head that a file of pixels alone does not have: their size, and whether any can be seen through."""
    if pixels[:4] == b"VP8L":
        told = int.from_bytes(pixels[9:13], "little")
        width, height, clear = told & 0x3FFF, told >> 14 & 0x3FFF, told >> 28 & 1
    else:
        sides = (int.from_bytes(pixels[at : at + 2], "little") & 0x3FFF for at in (14, 16))
        width, height, clear = *(side - 1 for side in sides), 0
    content = bytes([clear << 4, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
    return _webp_chunk(b"VP8X", content)


_WRITERS: tuple[tuple[bytes, Callable[[bytes, bytes], bytes]], ...] = (
    (b"\x89PNG", _mark_png),
    (b"\xff\xd8", _mark_jpeg),
    (b"RIFF", _mark_webp),
)
