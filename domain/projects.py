"""A project: a creator workspace that holds workflows, assets, runs and images."""

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.flags import require_project_flags
from domain.ids import Id, new_id
from domain.permissions import Actor, Permission
from domain.plain import camel_case, require_json_object
from domain.ports import Command, Transaction
from domain.shots.names import compiled
from domain.text import NAME_LENGTH, require_length, require_slug, slug_of
from domain.versions import require_version


class ProjectStatus(StrEnum):
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """What a project's owner decides; a key that is not named here is refused."""

    allow_new_live_scopes: bool = False
    new_scope_generations_limit: int = 30
    nomenclature: str = "{episode}_{sequence}-{plan}_{task}_v{version:04}.{ext}"
    max_auto_scopes: int = 20
    live_generations_per_day: int = 100
    require_signed_live_urls: bool = False
    retention_days: int | None = None
    deployment: dict[str, Any] = field(default_factory=dict)
    feature_flags: dict[str, Any] = field(default_factory=dict)

    def changed(self, changes: dict[str, Any]) -> "ProjectSettings":
        """These settings with `changes` (camelCase keys) in place; null takes one back to its default."""
        names = {camel_case(f.name): f for f in fields(self)}
        values: dict[str, Any] = {}
        for key, value in require_json_object(changes, "settings").items():
            if key not in names:
                raise InvalidInput(f"settings.{key[:80]} is not a setting; known: {', '.join(names)}", field="settings")
            name = names[key].name
            default = getattr(_DEFAULTS, name)
            values[name] = default if value is None else _checked(key, value, default)
        require_project_flags(values.get("feature_flags", {}))
        compiled(values.get("nomenclature", _DEFAULTS.nomenclature))
        return replace(self, **values)


_DEFAULTS = ProjectSettings()


def _checked(key: str, value: Any, default: Any) -> Any:
    expected = int if default is None else type(default)
    if type(value) is not expected or (expected is int and not 0 <= value <= 1_000_000):
        raise InvalidInput(f"settings.{key} must be {_MEANING[expected]}", field=f"settings.{key}")
    return value


_MEANING = {
    bool: "true or false",
    int: "a whole number from 0 to 1,000,000",
    str: "a text",
    dict: "a JSON object",
}


@dataclass(slots=True, kw_only=True)
class Project:
    id: Id = field(default_factory=new_id)
    organization_id: Id
    slug: str
    name: str
    status: ProjectStatus = ProjectStatus.ACTIVE
    settings: ProjectSettings = field(default_factory=ProjectSettings)
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True, kw_only=True)
class ProjectSequence:
    """How many events a project has had; its row is the lock that puts them in order."""

    id: Id
    organization_id: Id
    seq: int = 0


@dataclass(kw_only=True)
class CreateProject(Command[Project]):
    """Make a project. Without `slug`, one is made from the name; slugs are unique in the organization."""

    name: str
    slug: str | None = None
    settings: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        require_length(self.name, "name", longest=NAME_LENGTH)
        require_slug(self.resulting_slug)

    @property
    def resulting_slug(self) -> str:
        return self.slug if self.slug is not None else slug_of(self.name)


async def create_project(tx: Transaction, actor: Actor, command: CreateProject) -> Project:
    if actor.reach(Permission.PROJECTS_WRITE) is not None:
        raise DomainError(ErrorCode.FORBIDDEN, "Making projects takes a right of the whole organization: ask an owner")
    project = Project(
        organization_id=actor.organization_id,
        slug=command.resulting_slug,
        name=command.name,
        settings=ProjectSettings().changed({} if command.settings is None else command.settings),
    )
    tx.add(project, ProjectSequence(id=project.id, organization_id=project.organization_id))
    return project


@dataclass(kw_only=True)
class UpdateProject(Command[Project]):
    """Change what is given of a project; `settings` is merged key by key."""

    id: Id
    expected_version: int | None = None
    name: str | None = None
    status: ProjectStatus | None = None
    settings: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            require_length(self.name, "name", longest=NAME_LENGTH)


async def update_project(tx: Transaction, actor: Actor, command: UpdateProject) -> Project:
    project = await tx.get(Project, command.id, lock=True)
    require_version(project.version, command.expected_version)
    project.name = project.name if command.name is None else command.name
    project.status = command.status or project.status
    project.settings = project.settings if command.settings is None else project.settings.changed(command.settings)
    project.version += 1
    project.updated_at = datetime.now(UTC)
    tx.save(project)
    return project
