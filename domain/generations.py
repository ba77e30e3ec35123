"""A generation: one image asked for by a prompt, with all that is needed to make it again in its place."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.events import Event
from domain.ids import Id, new_id
from domain.kinds.enhance import EnhancementTemplate
from domain.plain import payload_of
from domain.steps import RunError


class GenerationStatus(StrEnum):
    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


UNDER_WAY = [GenerationStatus.PENDING, GenerationStatus.PROCESSING]


@dataclass(slots=True, kw_only=True)
class Generation:
    """
    `prompt` is what the image was made from, `original_prompt` what was asked for; they differ once it was enhanced.

    With a `seed` its image is the same each time, where the provider can; else each is new.

    `run_id` is the run that makes its image, or made it last; it began at `began_at` and took `processing_time_ms`.
    `alias` and `flow_alias` are the names its first image gets: until then they are nobody else's. A live URL's
    generation has the scope it belongs to and the `live_key` that the URL's parameters come to;
    `is_counted` says that its last attempt counts in the scope.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    flow_id: Id | None = None
    run_id: Id | None = None
    api_key_id: Id | None = None
    prompt: str
    original_prompt: str
    auto_enhance: bool = True
    template: EnhancementTemplate | None = None
    aspect_ratio: str = "1:1"
    seed: int | None = None
    status: GenerationStatus = GenerationStatus.PENDING
    output_image_id: Id | None = None
    reference_image_ids: tuple[Id, ...] = ()
    alias: str | None = None
    flow_alias: str | None = None
    live_scope_id: Id | None = None
    live_key: str | None = None
    is_counted: bool = False
    retry_count: int = 0
    error: RunError | None = None
    processing_time_ms: float | None = None
    cost: Decimal | None = None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    meta: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    deleted_at: datetime | None = None

    @property
    def is_under_way(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def is_finished(self) -> bool:
        """Whether nothing is to be waited for."""
        return not self.is_under_way or self.deleted_at is not None

    @property
    def error_message(self) -> str | None:
        return self.error.message if self.error else None

    def told(self, event: str) -> Event:
        return Event(
            event=event,
            project_id=self.project_id,
            run_id=self.run_id,
            subject_type="Generation",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD),
        )

    def changed(self, event: str = "generation.updated") -> Event:
        """Count the change; what is told of it."""
        self.version += 1
        self.updated_at = datetime.now(UTC)
        return self.told(event)

    def removed(self) -> Event:
        """That it is there no more."""
        self.deleted_at = datetime.now(UTC)
        return self.changed("generation.deleted")


_TOLD = (
    "id", "project_id", "flow_id", "run_id", "prompt", "original_prompt", "auto_enhance", "template", "aspect_ratio",
    "status", "output_image_id", "reference_image_ids", "retry_count", "error_message", "processing_time_ms", "cost",
    "meta", "version", "created_at", "updated_at", "deleted_at",
)  # fmt: skip
