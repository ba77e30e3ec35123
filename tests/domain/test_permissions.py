"""Who may do what."""

from typing import Any

import pytest

from domain.errors import DomainError, ErrorCode
from domain.ids import new_id
from domain.permissions import (
    GRANTS,
    MEMBERSHIP_GRANTS,
    OF_THE_ORGANIZATION,
    Actor,
    ActorKind,
    Permission,
    Role,
    engine_actor,
    operator_actor,
    permissions_of,
)

READS = {"projects:read", "workflows:read", "assets:read", "runs:read", "images:read", "credits:read"}
READS |= {"members:read"}
WRITES = {"projects:write", "workflows:write", "assets:write", "images:write", "runs:start", "runs:cancel"}
WRITES |= {"steps:submit"}
KEYS = {"keys:read", "keys:write", "members:write"}
WEBHOOKS = {"webhooks:read", "webhooks:write"}
OF_THE_STUDIO = {"announcements:write"}
INTERNAL = {"live:visit", "steps:execute", "tenants:write"}


def test_every_permission_is_a_read_a_write_or_internal() -> None:
    assert set(Permission) == READS | WRITES | WEBHOOKS | KEYS | INTERNAL | OF_THE_STUDIO


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
        (("*", "announcements:write"), READS | WRITES | WEBHOOKS | KEYS | OF_THE_STUDIO),
        (("announcements:write",), OF_THE_STUDIO),
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


def test_what_reaches_into_every_organization_comes_with_no_role_of_one() -> None:
    assert not any(granted & OF_THE_STUDIO for granted in GRANTS.values())
    assert operator_actor(new_id()).permissions >= OF_THE_STUDIO


def test_who_lacks_a_permission_is_told_which() -> None:
    viewer = person(permissions=GRANTS[Role.VIEWER], role=Role.VIEWER)
    viewer.require(Permission.RUNS_READ)
    with pytest.raises(DomainError, match="runs:start") as refused:
        viewer.require(Permission.RUNS_START)
    assert refused.value.code is ErrorCode.FORBIDDEN


A, B, C = new_id(), new_id(), new_id()


def person(**more: Any) -> Actor:
    known = {"subject": "mira", "kind": ActorKind.PERSON, "organization_id": new_id(), "permissions": frozenset()}
    return Actor(**known | more)


def test_a_membership_grants_nothing_of_the_organization() -> None:
    for role, granted in MEMBERSHIP_GRANTS.items():
        assert granted == GRANTS[role] - {"keys:read", "keys:write", "credits:read"}
        assert not granted & OF_THE_ORGANIZATION


def test_a_permission_reaches_as_far_as_the_roles_that_grant_it() -> None:
    mira = person(memberships={A: Role.VIEWER, B: Role.EDITOR, C: Role.OWNER})
    assert mira.reach(Permission.RUNS_READ) == frozenset({A, B, C})
    assert mira.reach(Permission.RUNS_START) == frozenset({B, C})
    assert mira.reach(Permission.MEMBERS_WRITE) == frozenset({C})
    assert mira.reach(Permission.KEYS_READ) == frozenset()
    assert [one for one in (A, B, C) if mira.owns(one)] == [C]


def test_a_role_in_the_organization_and_memberships_add_up() -> None:
    mira = person(permissions=GRANTS[Role.VIEWER], role=Role.VIEWER, memberships={A: Role.EDITOR})
    assert mira.reach(Permission.RUNS_READ) is None
    assert mira.reach(Permission.RUNS_START) == frozenset({A})
    assert mira.reach(Permission.CREDITS_READ) is None


def test_a_key_of_one_project_reaches_that_one_alone() -> None:
    key = person(permissions=permissions_of(("*",)), scopes=("*",), project_id=A)
    assert all(key.reach(permission) == frozenset({A}) for permission in permissions_of(("*",)))
    assert key.reach(Permission.STEPS_EXECUTE) == frozenset()
    assert (key.owns(A), key.owns(B)) == (True, False)


def test_who_may_do_something_somewhere_may_not_do_it_anywhere_else() -> None:
    mira = person(memberships={A: Role.EDITOR})
    mira.require(Permission.RUNS_START)
    assert mira.may(Permission.RUNS_START, A)
    assert not mira.may(Permission.RUNS_START, B)
    assert not mira.may(Permission.MEMBERS_WRITE)
    with pytest.raises(DomainError, match="runs:read"):
        person().require(Permission.RUNS_READ)


def _key(**more: Any) -> Actor:
    given = {"permissions": permissions_of(("*",)), "scopes": ("*",), **more}
    return Actor(subject="key", kind=ActorKind.API_KEY, organization_id=new_id(), **given)


def test_for_who_acts_within_a_project_there_is_no_other() -> None:
    here, there = new_id(), new_id()
    inside = _key(default_project_id=there).within(here)
    assert (inside.reach(Permission.IMAGES_WRITE), inside.project_meant(None)) == (frozenset({here}), here)
    assert (inside.owns(here), inside.owns(there)) == (True, False)


def test_within_a_project_nobody_may_more_than_before() -> None:
    here, there = new_id(), new_id()
    elsewhere = _key(project_id=there).within(here)
    assert not any(elsewhere.may(permission) for permission in Permission)
    assert not elsewhere.owns(here)
    memberships = {here: Role.VIEWER, there: Role.OWNER}
    member = _key(permissions=frozenset(), scopes=(), memberships=memberships).within(here)
    assert {p for p in Permission if member.may(p)} == set(MEMBERSHIP_GRANTS[Role.VIEWER])
    assert not member.may(Permission.IMAGES_READ, there)
