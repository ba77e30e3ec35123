"""Who is asking."""

from resolvers import projects
from schema.fields import of, said
from schema.types import Organization


@of(projects.Viewer)
class Viewer:
    """Who is asking, as this server sees them."""

    subject: str = said("The key's id, or the person's name.")
    kind: str = said("api_key or person.")
    organization: Organization = said("Whose rows they see.", projects.organization_of_viewer)
    scopes: list[str] = said("What they may do; * is everything.")
