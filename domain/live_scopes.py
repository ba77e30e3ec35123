"""A live scope: a budget of images that live URLs may generate in it, and the images they did."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from domain.ids import Id, new_id


class WhenSpent(StrEnum):
    """What a live URL shows once its scope may generate nothing more: a refusal, the scope's last image, a sign."""

    REFUSE = "refuse"
    LAST_GOOD = "last_good"
    PLACEHOLDER = "placeholder"


@dataclass(slots=True, kw_only=True)
class LiveScope:
    """`current_generations` counts what was generated in it, of `new_generations_limit`."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    slug: str
    allow_new_generations: bool = True
    new_generations_limit: int = 30
    current_generations: int = 0
    last_generated_at: datetime | None = None
    when_spent: WhenSpent = WhenSpent.REFUSE
    made_by_visitor: bool = False
    meta: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def remaining(self) -> int:
        """How many images it may still generate."""
        return max(0, self.new_generations_limit - self.current_generations) if self.allow_new_generations else 0

    def change(self) -> None:
        self.version += 1
        self.updated_at = datetime.now(UTC)
