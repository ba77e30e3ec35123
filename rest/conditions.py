"""What a request wants of a file that it may have already, in parts or whole (RFC 9110, 13 and 14)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

_RANGE = re.compile(rb"(?i:bytes)=\s*(\d{0,30})-(\d{0,30})\s*")
_READ = frozenset({b"if-match", b"if-none-match", b"if-range", b"range"})


@dataclass(frozen=True, slots=True)
class Part:
    """The answer's status, and the bytes that belong to it: from `start` up to, not including, `end`."""

    status: HTTPStatus
    start: int = 0
    end: int = 0


def part_of(method: str, headers: Iterable[tuple[bytes, bytes]], etag: bytes, size: int) -> Part:
    """
    What to answer to a request for a file of `size` bytes whose strong entity tag is `etag`.

    Of several ranges at once the whole file is an answer too, and the simplest.
    """
    asked = _conditions(headers)
    if not asked:
        return Part(HTTPStatus.OK, 0, size)
    if b"if-match" in asked and not _names(etag, asked[b"if-match"], weakly=False):
        return Part(HTTPStatus.PRECONDITION_FAILED)
    if b"if-none-match" in asked and _names(etag, asked[b"if-none-match"], weakly=True):
        return _NOT_MODIFIED
    if method == "GET" and b"range" in asked and asked.get(b"if-range", etag).strip() == etag:
        return _ranged(asked[b"range"], size)
    return Part(HTTPStatus.OK, 0, size)


_NOT_MODIFIED = Part(HTTPStatus.NOT_MODIFIED)


def _conditions(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Those headers that matter; what was said in several lines is one list."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _READ:
            found[name] = b"%b,%b" % (found[name], value) if name in found else value
    return found


def _names(etag: bytes, tags: bytes, *, weakly: bool) -> bool:
    if tags == etag:
        return True
    named = [tag.strip() for tag in tags.split(b",")]
    return named == [b"*"] or etag in ([tag.removeprefix(b"W/") for tag in named] if weakly else named)


def _ranged(text: bytes, size: int) -> Part:
    """What cannot be read as one range counts as not said."""
    read = _RANGE.fullmatch(text.strip())
    first, last = read.groups() if read else (b"", b"")
    if not (first or last) or (first and last and int(first) > int(last)):
        return Part(HTTPStatus.OK, 0, size)
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return Part(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return Part(HTTPStatus.PARTIAL_CONTENT, start, end)
