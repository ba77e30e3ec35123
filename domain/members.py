"""A member: a person with a role in one project."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from domain.permissions import MEMBERSHIP_GRANTS, Actor, Role
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.text import NAME_LENGTH, require_length

MOST_MEMBERS = 200
SUBJECT_LENGTH = 255


@dataclass(slots=True, kw_only=True)
class Member:
    """
    Whoever comes with a token of this `subject` may do in the project what the role grants.

    One for each project and subject; what a token's own role grants in the whole organization is not less for it.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    subject: str
    name: str | None = None
    role: Role
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(kw_only=True)
class SetMember(Command[Project]):
    """
    Let a person into a project, or change their name or role there. `subject` is the `sub` of their tokens.

    Nobody can give a role that may do more than they may themselves.
    """

    project_id: Id
    subject: str
    name: str | None = None
    role: Role

    def __post_init__(self) -> None:
        require_length(self.subject, "subject", longest=SUBJECT_LENGTH)
        if self.name is not None:
            require_length(self.name, "name", longest=NAME_LENGTH)


async def set_member(tx: Transaction, actor: Actor, command: SetMember) -> Project:
    project = await tx.get(Project, command.project_id, lock=True)
    _require_own(actor, project, command.role)
    member = await tx.newest(Member, project_id=project.id, subject=command.subject)
    if member is None:
        await _add(tx, project, command)
    elif (command.role, command.name or member.name) != (member.role, member.name):
        member.role, member.name = command.role, command.name or member.name
        member.version += 1
        tx.save(member)
    return project


async def _add(tx: Transaction, project: Project, command: SetMember) -> None:
    if len(await tx.find(Member, project_id=project.id)) >= MOST_MEMBERS:
        message = f"A project has at most {MOST_MEMBERS} members: remove one first, or give a role in the organization"
        raise DomainError(ErrorCode.CONFLICT, message)
    tx.add(
        Member(
            organization_id=project.organization_id,
            project_id=project.id,
            subject=command.subject,
            name=command.name,
            role=command.role,
        )
    )


def _require_own(actor: Actor, project: Project, role: Role) -> None:
    """Else a key that may let people in could let in those who may do more than itself."""
    if beyond := sorted(one for one in MEMBERSHIP_GRANTS[role] if not actor.may(one, project.id)):
        raise DomainError(ErrorCode.FORBIDDEN, f"You cannot give what you do not have: {beyond[0]}", field="role")


@dataclass(kw_only=True)
class RemoveMember(Command[Project]):
    """Shut a person out of a project, as far as its team let them in. Again changes nothing."""

    project_id: Id
    subject: str


async def remove_member(tx: Transaction, actor: Actor, command: RemoveMember) -> Project:
    project = await tx.get(Project, command.project_id)
    tx.remove(*await tx.find(Member, project_id=project.id, subject=command.subject))
    return project
