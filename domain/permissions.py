"""Who may do what: the one table of roles, and the caller it is asked about."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from domain.errors import DomainError, ErrorCode
from domain.ids import Id


class Permission(StrEnum):
    """
    Also what the scopes of an API key are made of; `*` means all but the internal ones, and those that concern every
    organization, which have to be named.
    """

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
    IMAGES_WRITE = "images:write"
    STEPS_SUBMIT = "steps:submit"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    CREDITS_READ = "credits:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    ANNOUNCEMENTS_WRITE = "announcements:write"
    LIVE_VISIT = "live:visit"
    STEPS_EXECUTE = "steps:execute"
    TENANTS_WRITE = "tenants:write"


class Role(StrEnum):
    OWNER = "OWNER"
    EDITOR = "EDITOR"
    REVIEWER = "REVIEWER"
    VIEWER = "VIEWER"


INTERNAL = frozenset({Permission.LIVE_VISIT, Permission.STEPS_EXECUTE, Permission.TENANTS_WRITE})
# Reaches into every organization: no role of one has it, and a key only where it is named.
OF_THE_STUDIO = frozenset({Permission.ANNOUNCEMENTS_WRITE})
EVERYTHING = frozenset(Permission) - INTERNAL - OF_THE_STUDIO
# Who may let others in is for owners to say.
OWNERS_ALONE = frozenset({Permission.KEYS_READ, Permission.KEYS_WRITE, Permission.MEMBERS_WRITE})
# What is about the organization as a whole: no membership of a project grants it.
OF_THE_ORGANIZATION = frozenset({Permission.KEYS_READ, Permission.KEYS_WRITE, Permission.CREDITS_READ})
# The addresses that are called may tell secrets to whoever reads them.
READS = frozenset(p for p in EVERYTHING if p.endswith(":read")) - OWNERS_ALONE - {Permission.WEBHOOKS_READ}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: EVERYTHING,
    Role.EDITOR: EVERYTHING - OWNERS_ALONE,
    Role.REVIEWER: READS | {Permission.RUNS_CANCEL, Permission.STEPS_SUBMIT},
    Role.VIEWER: READS,
}
MEMBERSHIP_GRANTS: dict[Role, frozenset[Permission]] = {
    role: granted - OF_THE_ORGANIZATION for role, granted in GRANTS.items()
}


@lru_cache(1_000)
def permissions_of(scopes: tuple[str, ...]) -> frozenset[Permission]:
    """What these scopes allow; unknown ones allow nothing."""
    named = (EVERYTHING | OF_THE_STUDIO) & {p for p in Permission if p.value in scopes}
    return EVERYTHING | named if "*" in scopes else named


class ActorKind(StrEnum):
    API_KEY = "api_key"
    PERSON = "person"
    ENGINE = "engine"
    VISITOR = "visitor"
    OPERATOR = "operator"


_NO_MEMBERSHIPS: Mapping[Id, Role] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """
    The caller: one key, person or worker acting inside one organization, in one trace.

    `permissions` hold in the whole organization, or in `project_id` alone where that is set; `memberships` add, project
    by project, what their roles grant. `default_project_id` is meant where it names none. From `expires_at` on it is
    nobody. Without a `rate_limit_per_hour` of its own, everybody's holds. `name` is what people call it.
    """

    subject: str
    kind: ActorKind
    organization_id: Id
    permissions: frozenset[Permission]
    scopes: tuple[str, ...] = ()
    role: Role | None = None
    memberships: Mapping[Id, Role] = field(default_factory=lambda: _NO_MEMBERSHIPS, hash=False)
    project_id: Id | None = None
    default_project_id: Id | None = None
    trace_id: str = ""
    expires_at: datetime | None = None
    rate_limit_per_hour: int | None = None
    name: str | None = None

    def reach(self, permission: Permission) -> frozenset[Id] | None:
        """The projects where the actor has this permission; None: everywhere in the organization."""
        if permission in self.permissions:
            return None if self.project_id is None else frozenset({self.project_id})
        return frozenset(one for one, role in self.memberships.items() if permission in MEMBERSHIP_GRANTS[role])

    def may(self, permission: Permission, project_id: Id | None = None) -> bool:
        """Whether the actor has this permission in the project, or, where none is named, anywhere."""
        reach = self.reach(permission)
        return reach is None or (bool(reach) if project_id is None else project_id in reach)

    def owns(self, project_id: Id) -> bool:
        """Whether the actor may do in the project all that anybody may."""
        everything = self.role is Role.OWNER or "*" in self.scopes
        return (everything and self.project_id in {None, project_id}) or self.memberships.get(project_id) is Role.OWNER

    def project_meant(self, named: Id | None) -> Id:
        """The project that was named, or the one this key or token stands for."""
        found = named or self.default_project_id
        if found is None:
            message = "Name the project: this key stands for none"
            raise DomainError(ErrorCode.VALIDATION_ERROR, message, field="projectId")
        return found

    def within(self, project_id: Id) -> "Actor":
        """The same caller, for whom there is this project alone."""
        memberships = {one: role for one, role in self.memberships.items() if one == project_id}
        here = replace(self, memberships=memberships, project_id=project_id, default_project_id=project_id)
        if self.project_id in {None, project_id}:
            return here
        return replace(here, permissions=frozenset(), scopes=(), role=None)

    @property
    def identity(self) -> tuple[Id, ActorKind, str]:
        """Who this is, whatever they may do."""
        return self.organization_id, self.kind, self.subject

    @property
    def audience(self) -> "Actor":
        """Whoever may read the same: the caller without who they are."""
        return replace(self, subject="", name=None, trace_id="", expires_at=None, rate_limit_per_hour=None)

    def require(self, permission: Permission) -> None:
        if not self.may(permission):
            raise DomainError(
                ErrorCode.FORBIDDEN, f"This needs the permission {permission}: ask an owner of the organization for it"
            )


def engine_actor(organization_id: Id, trace_id: str = "") -> Actor:
    """Whoever executes steps."""
    return _internal_actor(ActorKind.ENGINE, organization_id, trace_id)


def visitor_actor(organization_id: Id, project_id: Id, trace_id: str) -> Actor:
    """Whoever opens a live URL: they may have its image generated, and nothing else."""
    return Actor(
        subject="visitor",
        kind=ActorKind.VISITOR,
        organization_id=organization_id,
        permissions=frozenset({Permission.LIVE_VISIT}),
        project_id=project_id,
        trace_id=trace_id,
    )


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
