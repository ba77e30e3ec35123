"""What may name an object: one rule for every store."""

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


def _is_segment(text: str) -> bool:
    return _SEGMENT.fullmatch(text) is not None and text not in {".", ".."}
