"""Everyone who may ask: people by role, keys by scope, and the house itself."""

from collections.abc import Mapping

from domain.ids import Id
from domain.permissions import GRANTS, Actor, ActorKind, Permission, Role, operator_actor, permissions_of

HOUSE, KEY, NO_SCOPE = "the house", "a key with *", "a key without scopes"
ANNOUNCER = "a key that may announce"
CALLERS: dict[str, frozenset[Permission]] = {
    **{str(role): GRANTS[role] for role in Role},
    KEY: permissions_of(("*",)),
    NO_SCOPE: permissions_of(()),
    ANNOUNCER: permissions_of(("announcements:write",)),
    HOUSE: frozenset(Permission),
}


def caller(name: str, organization_id: Id, project_id: Id | None = None) -> Actor:
    """Someone of this organization, confined to the project where one is named."""
    if name == HOUSE:
        return operator_actor(organization_id)
    return Actor(
        subject=name,
        kind=ActorKind.API_KEY,
        organization_id=organization_id,
        permissions=CALLERS[name],
        project_id=project_id,
        trace_id="0" * 32,
    )


def member(organization_id: Id, memberships: Mapping[Id, Role], role: Role | None = None) -> Actor:
    """Someone who is let into these projects, with a role in the whole organization or without."""
    return Actor(
        subject="mira",
        kind=ActorKind.PERSON,
        organization_id=organization_id,
        permissions=GRANTS[role] if role else frozenset(),
        role=role,
        memberships=memberships,
        trace_id="0" * 32,
    )
