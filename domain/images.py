"""An image: a picture that is kept, with what is known of it."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from domain.events import Event
from domain.ids import Id, new_id
from domain.pictures import Picture
from domain.plain import payload_of, plain


class ImageSource(StrEnum):
    GENERATED = "GENERATED"
    UPLOADED = "UPLOADED"


@dataclass(frozen=True)
class FocalPoint:
    """What must stay in sight when the image is cropped: 0.0 to 1.0 from the left and from the top."""

    x: float
    y: float


# Of a focal point that is neither given nor taken away.
SAME_POINT = FocalPoint(-1.0, -1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """Bytes that were checked, measured and stored, and wait for the row that makes them an image."""

    id: Id = field(default_factory=new_id)
    storage_key: str
    file_name: str
    mime_type: str
    file_size: int
    file_hash: str
    width: int
    height: int
    seed: str | None = None
    model: str | None = None
    provider: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, picture: Picture, project_id: Id, **known: Any) -> "NewImage":
        """
        This picture's, under a fresh key and with what else is known of it.

        The random part makes the key, and with it the URL of the bytes, impossible to guess.
        """
        image_id = new_id()
        return cls(
            id=image_id,
            storage_key=f"{project_id}/{image_id}-{secrets.token_hex(16)}.{picture.extension}",
            file_name=f"{image_id}.{picture.extension}",
            mime_type=picture.mime_type,
            file_size=len(picture.data),
            file_hash=picture.sha256,
            width=picture.width,
            height=picture.height,
            **known,
        )

    @property
    def value(self) -> dict[str, Any]:
        """The image as it flows between nodes; the hash tells when other bytes have taken its place."""
        return {"imageId": self.id, "fileHash": self.file_hash}


@dataclass(slots=True, kw_only=True)
class Image:
    """
    `file_size` is in bytes, `width` and `height` in pixels, `file_hash` the SHA-256 of the bytes.

    `storage_key` is the address of its bytes and stays; `object_key` is where they are, and changes with them.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    run_id: Id | None = None
    step_id: Id | None = None
    flow_id: Id | None = None
    generation_id: Id | None = None
    live_scope_id: Id | None = None
    api_key_id: Id | None = None
    source: ImageSource
    storage_key: str
    object_key: str
    file_name: str
    mime_type: str
    file_size: int
    file_hash: str
    width: int
    height: int
    alias: str | None = None
    focal_point: FocalPoint | None = None
    seed: str | None = None
    model: str | None = None
    provider: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    deleted_at: datetime | None = None

    @property
    def value(self) -> dict[str, Any]:
        """The image as it flows between nodes, with what else decides what is made of it."""
        value: dict[str, Any] = {"imageId": self.id, "fileHash": self.file_hash}
        return value | ({"focalPoint": plain(self.focal_point)} if self.focal_point else {})

    @property
    def path(self) -> str:
        """Where its bytes are, at an address that nobody can guess."""
        return f"/storage/{self.storage_key}"

    def cdn_path(self, organization: str, project: str) -> str:
        """Where it is shown from, by the slugs of where it belongs; another address once its bytes have changed."""
        return cdn_path_of(organization, project, self.file_name, self.file_hash)

    def take_bytes(self, new: "Image") -> str:
        """Become another picture at the same addresses; the object key of the bytes it had."""
        before = self.object_key
        self.object_key = new.object_key
        for name in _OF_BYTES:
            setattr(self, name, getattr(new, name))
        return before

    def created(self) -> Event:
        return self._told("image.created")

    def changed(self) -> Event:
        """Count the change; what is told of it."""
        self.version += 1
        self.updated_at = datetime.now(UTC)
        return self._told("image.updated")

    def removed(self) -> Event:
        """That it is there no more."""
        self.version += 1
        self.deleted_at = datetime.now(UTC)
        return self._told("image.deleted")

    def _told(self, event: str) -> Event:
        return Event(
            event=event,
            project_id=self.project_id,
            run_id=self.run_id,
            subject_type="Image",
            subject_id=self.id,
            version=self.version,
            payload=payload_of(self, _TOLD),
        )


def cdn_path_of(organization: str, project: str, file_name: str, file_hash: str) -> str:
    return f"/cdn/{organization}/{project}/img/{file_name}?v={file_hash[:16]}"


_OF_BYTES = ("mime_type", "file_size", "file_hash", "width", "height", "seed", "model", "provider")
_TOLD = (
    "id", "project_id", "flow_id", "generation_id", "run_id", "step_id", "source", "file_name", "mime_type",
    "file_size", "file_hash", "width", "height", "alias", "focal_point", "seed", "model", "provider", "meta", "version",
    "created_at", "updated_at", "deleted_at",
)  # fmt: skip
