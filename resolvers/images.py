"""Images and where their bytes are."""

from domain.ids import Id
from domain.images import Image
from domain.organizations import Organization
from domain.projects import Project
from resolvers.context import Info


async def image(info: Info, id: Id) -> Image | None:
    return await info.context.reads.one(Image, info.context.actor, id=id)


def storage_url(root: Image, info: Info) -> str:
    return f"{info.context.studio.public_url}{root.path}"


async def cdn_url(root: Image, info: Info) -> str:
    organization = await info.context.load(Organization, root.organization_id)
    project = await info.context.load(Project, root.project_id)
    slugs = (organization.slug, project.slug) if organization and project else ("-", "-")
    return f"{info.context.studio.public_url}{root.cdn_path(*slugs)}"
