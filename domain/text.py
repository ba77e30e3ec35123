"""What names, labels and texts may look like."""

import re

from domain.errors import InvalidInput

NAME_LENGTH = 200
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def require_length(text: str, field: str, *, longest: int, shortest: int = 1) -> str:
    """The text, if it has between `shortest` and `longest` characters besides surrounding blanks."""
    if len(text.strip()) < shortest:
        raise InvalidInput(f"{field} must not be empty", field=field)
    if len(text) > longest:
        raise InvalidInput(f"{field} has {len(text):,} characters; {longest:,} is the most", field=field)
    return require_keepable(text, field)


def require_keepable(text: str, field: str) -> str:
    """The text, if a database and UTF-8 can hold it."""
    if _UNKEEPABLE.search(text):
        raise InvalidInput(f"{field} must not contain NUL characters or half surrogate pairs", field=field)
    return text


def require_slug(text: str, field: str = "slug") -> str:
    if not _SLUG.fullmatch(text):
        raise InvalidInput(
            f"{field} must be 1 to 63 lower-case letters, digits or hyphens, not beginning or ending with a hyphen",
            field=field,
        )
    return text


def slug_of(name: str) -> str:
    """A slug that reads like the name; empty where nothing of it can be kept."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-")
