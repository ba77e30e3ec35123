"""Who may do what."""

import pytest

from domain.errors import DomainError, ErrorCode
from domain.ids import new_id
from domain.permissions import GRANTS, Actor, ActorKind, Permission, Role, engine_actor, operator_actor, permissions_of

READS = {"projects:read", "workflows:read", "assets:read", "runs:read", "images:read", "credits:read"}
WRITES = {"projects:write", "workflows:write", "assets:write", "runs:start", "runs:cancel", "steps:submit"}
KEYS = {"keys:read", "keys:write"}
WEBHOOKS = {"webhooks:read", "webhooks:write"}
INTERNAL = {"steps:execute", "tenants:write"}


def test_every_permission_is_a_read_a_write_or_internal() -> None:
    assert set(Permission) == READS | WRITES | WEBHOOKS | KEYS | INTERNAL


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        (Role.OWNER, READS | WRITES | WEBHOOKS | KEYS),
        (Role.EDITOR, READS | WRITES | WEBHOOKS),
        (Role.REVIEWER, READS | {"runs:cancel", "steps:submit"}),
        (Role.VIEWER, READS),
    ],
)
def test_a_role_grants_this_and_nothing_else(role: Role, granted: set[str]) -> None:
    assert GRANTS[role] == granted


def test_every_role_has_its_grants() -> None:
    assert set(GRANTS) == set(Role)


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((), set()),
        (("*",), READS | WRITES | WEBHOOKS | KEYS),
        (("*", "steps:execute"), READS | WRITES | WEBHOOKS | KEYS),
        (("runs:read", "runs:start"), {"runs:read", "runs:start"}),
        (("runs:*", "runs", "RUNS_READ", "runs:READ", ""), set()),
        (("steps:execute", "tenants:write"), set()),
    ],
)
def test_scopes_allow_this_and_nothing_internal(scopes: tuple[str, ...], allowed: set[str]) -> None:
    assert permissions_of(scopes) == allowed


def test_only_the_house_itself_has_the_internal_permissions() -> None:
    for actor in (engine_actor(new_id()), operator_actor(new_id())):
        assert actor.permissions >= INTERNAL
    assert not any(granted & INTERNAL for granted in GRANTS.values())


def test_who_lacks_a_permission_is_told_which() -> None:
    viewer = Actor(
        subject="mira",
        kind=ActorKind.PERSON,
        organization_id=new_id(),
        permissions=GRANTS[Role.VIEWER],
        role=Role.VIEWER,
    )
    viewer.require(Permission.RUNS_READ)
    with pytest.raises(DomainError, match="runs:start") as refused:
        viewer.require(Permission.RUNS_START)
    assert refused.value.code is ErrorCode.FORBIDDEN
