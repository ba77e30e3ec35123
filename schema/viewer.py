"""Who is asking."""

from domain.permissions import Role
from resolvers import members, projects
from schema.fields import of, said
from schema.types import Organization, Project


@of(members.ProjectRole)
class ProjectRole:
    """A role in one project."""

    project: Project = said("The project.", projects.project_of)
    role: Role = said("What they may do in it.")


@of(projects.Viewer)
class Viewer:
    """Who is asking, as this server sees them."""

    subject: str = said("The key's id, or the person's name.")
    kind: str = said("api_key or person.")
    organization: Organization = said("Whose rows they see.", projects.organization_of_viewer)
    scopes: list[str] = said("What they may do wherever they are let in; * is everything.")
    roles: list[ProjectRole] = said("What they may do besides, in projects whose teams they are in.", members.roles_of)
