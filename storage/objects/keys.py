"""What may name an object, or a part of one: one rule for every store."""

import re

from domain.errors import InvalidInput

_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,255}")  # 255: what file systems allow a name to have
_MAX_CHARACTERS = 512


def require_key(key: str) -> str:
    """The key itself, once it is sure to name an object, and nothing but an object, in any store."""
    if len(key) > _MAX_CHARACTERS or not all(map(_is_segment, key.split("/"))):
        raise InvalidInput(
            "Invalid object key: use a/b/c.png, at most 512 characters of A-Z a-z 0-9 . _ - in segments of 1 to 255, "
            "none of them . or ..",
            field="key",
        )
    return key


def length_of(start: int, end: int | None) -> int | None:
    """How many bytes that is; None for all there are."""
    if start < 0 or (end is not None and end <= start):
        raise InvalidInput("Invalid range: it begins at 0 or later, and ends after it began", field="start")
    return None if end is None else end - start


def _is_segment(text: str) -> bool:
    return _SEGMENT.fullmatch(text) is not None and text not in {".", ".."}
