"""Who looks at a project just now, and at what: nothing to keep, only to tell."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.plain import payload_of, require_json_object

STATE_BYTES = 2_048
MOST_PRESENT = 1_000
_FIELDS = ("connection_id", "subject", "name", "state", "since", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """
    One connection in one project: whose it is, and what they say they look at.

    `version` grows with each change of it, across its leaving and coming back too.
    """

    connection_id: Id
    project_id: Id
    subject: str
    name: str | None
    state: dict[str, Any]
    since: datetime
    version: int


def by_coming(presence: Presence) -> tuple[datetime, Id]:
    """What orders those who are present: whoever came first comes first."""
    return presence.since, presence.connection_id


def plain(presence: Presence) -> dict[str, Any]:
    """As the presence channel tells it."""
    return payload_of(presence, _FIELDS)


def require_state(state: Any) -> dict[str, Any]:
    """The state, if it is a JSON object that is small enough to be told to everybody again and again."""
    checked = require_json_object(state, "state")
    if len(json.dumps(checked, ensure_ascii=False, separators=(",", ":")).encode()) > STATE_BYTES:
        raise InvalidInput(f"state is larger than {STATE_BYTES // 1024} KiB: say less", field="state")
    return checked


def crowded() -> DomainError:
    """The refusal of whoever would be one too many."""
    message = f"{MOST_PRESENT:,} are present in this project: come when somebody has left"
    return DomainError(ErrorCode.QUOTA_EXCEEDED, message)
