"""API keys, as their owners see them."""

from domain.api_keys import ApiKey
from domain.projects import Project
from resolvers.context import Info
from storage.pages import Page


async def api_keys(info: Info, first: int | None = 20, after: str | None = None) -> Page[ApiKey]:
    return await info.context.reads.page(ApiKey, info.context.actor, first=first, after=after)


async def project_of(root: ApiKey, info: Info) -> Project | None:
    return await info.context.load(Project, root.project_id)
