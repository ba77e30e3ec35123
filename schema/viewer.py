"""Who is asking."""

from domain.permissions import Role
from gateway.limits import LimitState
from resolvers import members, projects
from schema.fields import of, said
from schema.types import Organization, Project


@of(members.ProjectRole)
class ProjectRole:
    """A role in one project."""

    project: Project = said("The project.", projects.project_of)
    role: Role = said("What they may do in it.")


@of(LimitState)
class RateLimit:
    """How many requests of /api/v1 an hour allows. GraphQL tells what is left of its own budget with each answer."""

    limit: int = said("How many in any hour.", projects.amount_of)
    remaining: int = said("How many are left.")
    reset_seconds: int = said("In how many seconds more are free; 0 where none was made.")


@of(projects.Viewer)
class Viewer:
    """Who is asking, as this server sees them."""

    subject: str = said("The key's id, or the person's name.")
    kind: str = said("api_key or person.")
    organization: Organization = said("Whose rows they see.", projects.organization_of_viewer)
    scopes: list[str] = said("What they may do wherever they are let in; * is everything but announcements:write.")
    roles: list[ProjectRole] = said("What they may do besides, in projects whose teams they are in.", members.roles_of)
    rate_limit: RateLimit = said(
        "How the hour of their requests stands. Asking does not count.", projects.rate_limit_of_viewer
    )
