"""An upload that a front end sends straight to the object store: announced, sent, then checked before it counts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.ids import Id, new_id


@dataclass(slots=True, kw_only=True)
class ImageUpload:
    """`object_key` is where the bytes are sent; `image_id` is the image they have become, once they were checked."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    object_key: str
    file_name: str
    mime_type: str
    file_size: int
    alias: str | None = None
    flow_id: Id | None = None
    flow_alias: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    image_id: Id | None = None
    created_by: str
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    expires_at: datetime
