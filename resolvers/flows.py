"""Flows, and what an alias means."""

from dataclasses import dataclass
from typing import Any

from domain.aliases import AliasScope, is_alias
from domain.flows import Flow
from domain.ids import Id
from domain.images import Image
from domain.naming import meanings
from domain.ports import Command
from domain.projects import Project
from resolvers.context import Info
from storage.pages import Page


@dataclass(kw_only=True)
class OfFlow(Command[Any]):
    """Which flow is meant."""

    id: Id


@dataclass(frozen=True, slots=True)
class Named:
    """An alias of a flow, and the image that has it."""

    alias: str
    image: Image


@dataclass(frozen=True, slots=True)
class ResolvedAlias:
    """Which image an alias means, and the scopes that mean another by it and lost."""

    alias: str
    scope: AliasScope
    image: Image
    shadowed: list[AliasScope]
    flow_id: Id | None


async def flow(info: Info, id: Id) -> Flow | None:
    return await info.context.reads.one(Flow, info.context.actor, id=id)


async def flows_of(root: Project, info: Info, first: int | None = 20, after: str | None = None) -> Page[Flow]:
    return await info.context.reads.page(Flow, info.context.actor, first=first, after=after, project_id=root.id)


async def aliases_of(root: Flow, info: Info) -> list[Named]:
    """Those whose image is there, in the order of the alphabet."""
    found = [(alias, await info.context.load(Image, id_)) for alias, id_ in sorted(root.aliases.items())]
    return [Named(alias, image) for alias, image in found if image is not None and image.deleted_at is None]


async def image_count_of(root: Flow, info: Info) -> int:
    return await info.context.load_count(Image, "flow_id", root.id, deleted_at=None)


async def images_of(root: Flow, info: Info, first: int | None = 20, after: str | None = None) -> Page[Image]:
    wanted = {"flow_id": root.id, "deleted_at": None}
    return await info.context.reads.page(Image, info.context.actor, first=first, after=after, **wanted)


async def flow_of(root: Any, info: Info) -> Flow | None:
    """Of whatever may belong to one."""
    return await info.context.load(Flow, root.flow_id)


async def resolve_alias(info: Info, project_id: Id, alias: str, flow_id: Id | None = None) -> ResolvedAlias | None:
    """What the alias means in the project, or in one of its flows: computed, then the flow's, then the project's."""
    if not is_alias(alias):
        return None
    found = await meanings(info.context.reads.seen_by(info.context.actor), project_id, alias, flow_id)
    if not found:
        return None
    scope, *shadowed = found
    return ResolvedAlias(alias, scope, found[scope], shadowed, flow_id if scope is AliasScope.FLOW else None)
