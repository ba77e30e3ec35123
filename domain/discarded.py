"""Bytes that nobody needs any more: what they were kept for is gone, and so are they, soon after."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.ids import Id, new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """
    Recorded in the transaction that removes their row, so that neither is ever left without the other.

    From `due_at` on they are removed: later where somebody may just be about to read them. Of bytes that nobody needs
    yet it is recorded before they are stored, and taken back by the transaction that needs them: what a crash or a
    refusal leaves behind goes by itself.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    object_key: str
    due_at: datetime = field(default_factory=lambda: datetime.now(UTC))
