"""Aliases: names people give to images, in a project or in one flow, and those that are computed."""

import re
from enum import StrEnum

from domain.errors import DomainError, ErrorCode

LONGEST = 50
_FORMAT = re.compile(r"@[a-zA-Z0-9_-]+", re.ASCII)


class Technical(StrEnum):
    """What is computed when it is asked for: the newest and the first generated image, the newest uploaded one."""

    LAST = "@last"
    FIRST = "@first"
    UPLOAD = "@upload"


class AliasScope(StrEnum):
    """Where an alias means what it means; the first that knows it wins, in this order."""

    TECHNICAL = "TECHNICAL"
    FLOW = "FLOW"
    PROJECT = "PROJECT"


RESERVED = frozenset({*Technical, "@all", "@latest", "@oldest", "@random", "@next", "@prev", "@previous"})


def is_alias(text: str) -> bool:
    """Whether it is written as an alias, reserved or not."""
    return len(text) <= LONGEST and _FORMAT.fullmatch(text) is not None


def require_written(text: str, field: str = "alias") -> str:
    """The alias, if it is written as one, reserved or not. Raises ALIAS_INVALID."""
    if not is_alias(text):
        hint = f"An alias is @ and then letters, digits, _ or -, {LONGEST} characters at most, as @hero"
        raise DomainError(ErrorCode.ALIAS_INVALID, "alias_format_check", field=field, hint=hint)
    return text


def require_alias(text: str, field: str = "alias") -> str:
    """The alias, if people may give it. Raises ALIAS_INVALID, ALIAS_RESERVED."""
    require_written(text, field)
    if text.lower() in RESERVED:
        raise DomainError(ErrorCode.ALIAS_RESERVED, f"{text} is reserved: choose another alias", field=field)
    return text
