"""Who is in a project, and where whoever asks is."""

from dataclasses import dataclass

from domain.ids import Id
from domain.members import Member
from domain.permissions import Role
from domain.projects import Project
from resolvers.context import Info
from resolvers.projects import Viewer


@dataclass(frozen=True, slots=True)
class ProjectRole:
    """A role in one project."""

    project_id: Id
    role: Role


async def team_of(root: Project, info: Info) -> list[Member]:
    return await info.context.load_many(Member, "project_id", root.id)


def roles_of(root: Viewer) -> list[ProjectRole]:
    return [ProjectRole(project_id, role) for project_id, role in sorted(root.actor.memberships.items())]
