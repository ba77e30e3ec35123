"""An asset: a reusable prompt, dataset, UI snippet or file of a project."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from domain.errors import InvalidInput
from domain.ids import Id, new_id
from domain.permissions import Actor
from domain.plain import require_json, require_json_object
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.text import NAME_LENGTH, require_length
from domain.versions import require_version


class AssetType(StrEnum):
    PROMPT = "PROMPT"
    DATASET = "DATASET"
    UI_SNIPPET = "UI_SNIPPET"
    FILE = "FILE"


@dataclass(slots=True, kw_only=True)
class Asset:
    """`content` is its value as JSON (a prompt's text, a dataset's rows)."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    type: AssetType
    label: str
    metadata: dict[str, Any] = field(default_factory=dict)
    content: Any | None = None
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def _check(type_: AssetType | None, label: str | None, metadata: Any, content: Any) -> None:
    if label is not None:
        require_length(label, "label", longest=NAME_LENGTH)
    if metadata is not None:
        require_json_object(metadata, "metadata")
    require_json(content, "content")
    if type_ is AssetType.PROMPT and not (isinstance(content, str) and content.strip()):
        raise InvalidInput("content of a PROMPT asset must be its text", field="content")


@dataclass(kw_only=True)
class CreateAsset(Command[Asset]):
    """Keep something for reuse in a project. A PROMPT's `content` is its text."""

    project_id: Id
    type: AssetType
    label: str
    metadata: dict[str, Any] | None = None
    content: Any | None = None

    def __post_init__(self) -> None:
        _check(self.type, self.label, self.metadata, self.content)


async def create_asset(tx: Transaction, actor: Actor, command: CreateAsset) -> Asset:
    project = await tx.get(Project, command.project_id)
    asset = Asset(
        organization_id=project.organization_id,
        project_id=project.id,
        type=command.type,
        label=command.label,
        metadata=command.metadata or {},
        content=command.content,
    )
    tx.add(asset)
    return asset


@dataclass(kw_only=True)
class UpdateAsset(Command[Asset]):
    """Change what is given of an asset; `metadata` and `content` are replaced whole."""

    id: Id
    expected_version: int | None = None
    label: str | None = None
    metadata: dict[str, Any] | None = None
    content: Any | None = None

    def __post_init__(self) -> None:
        _check(None, self.label, self.metadata, self.content)


async def update_asset(tx: Transaction, actor: Actor, command: UpdateAsset) -> Asset:
    asset = await tx.get(Asset, command.id, lock=True)
    require_version(asset.version, command.expected_version)
    asset.label = asset.label if command.label is None else command.label
    asset.metadata = asset.metadata if command.metadata is None else command.metadata
    asset.content = asset.content if command.content is None else command.content
    _check(asset.type, None, None, asset.content)
    asset.version += 1
    asset.updated_at = datetime.now(UTC)
    tx.save(asset)
    return asset
