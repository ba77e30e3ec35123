"""Who may do what: the one table of roles, and the caller it is asked about."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import DomainError, ErrorCode
from domain.ids import Id


class Permission(StrEnum):
    """Also what the scopes of an API key are made of; `*` means all but the internal ones."""

    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    WORKFLOWS_READ = "workflows:read"
    WORKFLOWS_WRITE = "workflows:write"
    ASSETS_READ = "assets:read"
    ASSETS_WRITE = "assets:write"
    RUNS_READ = "runs:read"
    RUNS_START = "runs:start"
    RUNS_CANCEL = "runs:cancel"
    IMAGES_READ = "images:read"
    STEPS_SUBMIT = "steps:submit"
    CREDITS_READ = "credits:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    STEPS_EXECUTE = "steps:execute"
    TENANTS_WRITE = "tenants:write"


class Role(StrEnum):
    OWNER = "OWNER"
    EDITOR = "EDITOR"
    REVIEWER = "REVIEWER"
    VIEWER = "VIEWER"


INTERNAL = frozenset({Permission.STEPS_EXECUTE, Permission.TENANTS_WRITE})
EVERYTHING = frozenset(Permission) - INTERNAL
# Who may let others in is for owners to say.
OWNERS_ALONE = frozenset({Permission.KEYS_READ, Permission.KEYS_WRITE})
# The addresses that are called may tell secrets to whoever reads them.
READS = frozenset(p for p in EVERYTHING if p.endswith(":read")) - OWNERS_ALONE - {Permission.WEBHOOKS_READ}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: EVERYTHING,
    Role.EDITOR: EVERYTHING - OWNERS_ALONE,
    Role.REVIEWER: READS | {Permission.RUNS_CANCEL, Permission.STEPS_SUBMIT},
    Role.VIEWER: READS,
}


def permissions_of(scopes: tuple[str, ...]) -> frozenset[Permission]:
    """What these scopes allow; unknown ones allow nothing."""
    return EVERYTHING if "*" in scopes else EVERYTHING & {p for p in Permission if p.value in scopes}


class ActorKind(StrEnum):
    API_KEY = "api_key"
    PERSON = "person"
    ENGINE = "engine"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """
    The caller: one key, person or worker acting inside one organization, in one trace.

    `project_id` confines it to that project; `default_project_id` is meant where it names none. From `expires_at` on
    it is nobody. Without a `rate_limit_per_hour` of its own, everybody's holds.
    """

    subject: str
    kind: ActorKind
    organization_id: Id
    permissions: frozenset[Permission]
    scopes: tuple[str, ...] = ()
    role: Role | None = None
    project_id: Id | None = None
    default_project_id: Id | None = None
    trace_id: str = ""
    expires_at: datetime | None = None
    rate_limit_per_hour: int | None = None

    def project_meant(self, named: Id | None) -> Id:
        """The project that was named, or the one this key or token stands for."""
        found = named or self.default_project_id
        if found is None:
            message = "Name the project: this key stands for none"
            raise DomainError(ErrorCode.VALIDATION_ERROR, message, field="projectId")
        return found

    def require(self, permission: Permission) -> None:
        if permission not in self.permissions:
            raise DomainError(
                ErrorCode.FORBIDDEN, f"This needs the permission {permission}: ask an owner of the organization for it"
            )


def engine_actor(organization_id: Id, trace_id: str = "") -> Actor:
    """Whoever executes steps."""
    return _internal_actor(ActorKind.ENGINE, organization_id, trace_id)


def operator_actor(organization_id: Id) -> Actor:
    """Whoever runs this server, at its command line."""
    return _internal_actor(ActorKind.OPERATOR, organization_id, "")


def _internal_actor(kind: ActorKind, organization_id: Id, trace_id: str) -> Actor:
    return Actor(
        subject=kind,
        kind=kind,
        organization_id=organization_id,
        permissions=frozenset(Permission),
        trace_id=trace_id,
    )
