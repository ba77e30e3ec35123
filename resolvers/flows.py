"""Flows, and what an alias means."""

from dataclasses import dataclass
from typing import Any

from domain.aliases import AliasScope, Technical, is_alias
from domain.flows import Flow
from domain.ids import Id
from domain.images import Image, ImageSource
from domain.ports import Command
from domain.projects import Project
from resolvers.context import Context, Info
from storage.reads import Page


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
    context = info.context
    if not is_alias(alias):
        return None
    asked = {
        AliasScope.TECHNICAL: await _technical(context, project_id, alias),
        AliasScope.FLOW: await _of_flow(context, project_id, flow_id, alias),
        AliasScope.PROJECT: await context.reads.one(
            Image, context.actor, project_id=project_id, alias=alias, deleted_at=None
        ),
    }
    scopes = [scope for scope, image in asked.items() if image is not None]
    if not scopes or (image := asked[scopes[0]]) is None:
        return None
    return ResolvedAlias(alias, scopes[0], image, scopes[1:], flow_id if scopes[0] is AliasScope.FLOW else None)


async def _technical(context: Context, project_id: Id, alias: str) -> Image | None:
    reads, actor = context.reads, context.actor
    made = {"project_id": project_id, "source": ImageSource.GENERATED, "deleted_at": None}
    match alias:
        case Technical.LAST:
            return await reads.one(Image, actor, **made)
        case Technical.FIRST:
            return await reads.oldest(Image, actor, **made)
        case Technical.UPLOAD:
            return await reads.one(Image, actor, **{**made, "source": ImageSource.UPLOADED})
    return None


async def _of_flow(context: Context, project_id: Id, flow_id: Id | None, alias: str) -> Image | None:
    if flow_id is None:
        return None
    found = await context.reads.one(Flow, context.actor, id=flow_id, project_id=project_id)
    image_id = found.aliases.get(alias) if found else None
    image = await context.load(Image, image_id)
    return image if image and image.deleted_at is None else None
