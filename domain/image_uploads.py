"""An upload that a front end sends straight to the object store: announced, sent, then checked before it counts."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.errors import InvalidInput
from domain.ids import Id, new_id

# 5 MB, as clients of the REST interface know it.
MOST_FILE_BYTES = 5 * 1024 * 1024
MIME_TYPES = ("image/png", "image/jpeg", "image/webp")
LIFE_SECONDS = 900
# What was begun in time may come in later, and is looked for so long.
GRACE_SECONDS = 3_600


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

    @property
    def removed_at(self) -> datetime:
        """When the bytes that were sent go, whatever became of them."""
        return self.expires_at + timedelta(seconds=GRACE_SECONDS)


def incoming_key(project_id: Id) -> str:
    """Where bytes are sent that were not checked yet: a place that no image has."""
    return f"incoming/{project_id}/{secrets.token_hex(16)}"


def require_file_size(size_bytes: int, field_name: str = "file", most_bytes: int = MOST_FILE_BYTES) -> None:
    if size_bytes > most_bytes:
        hint = f"A picture has at most {most_bytes:,} bytes: save it smaller, or with more compression"
        raise InvalidInput("File too large", field=field_name, hint=hint)


def require_mime_type(mime_type: str) -> None:
    if mime_type not in MIME_TYPES:
        raise InvalidInput(f"mimeType must be one of {', '.join(MIME_TYPES)}", field="mimeType")
