"""API keys, as their owners see them."""

from domain.api_keys import ApiKey
from domain.ports import Shown
from domain.projects import Project
from resolvers.context import Info
from resolvers.mutations import Payload
from storage.reads import Page


async def api_keys(info: Info, first: int | None = 20, after: str | None = None) -> Page[ApiKey]:
    return await info.context.reads.page(ApiKey, info.context.actor, first=first, after=after)


async def project_of(root: ApiKey, info: Info) -> Project | None:
    return await info.context.load(Project, root.project_id)


def key_of(root: Payload[Shown[ApiKey] | ApiKey]) -> ApiKey:
    return root.result.entity if isinstance(root.result, Shown) else root.result


def secret_of(root: Payload[Shown[ApiKey] | ApiKey]) -> str | None:
    return root.result.secret if isinstance(root.result, Shown) else None
