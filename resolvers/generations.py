"""Generations, and what hangs on them."""

from dataclasses import dataclass
from typing import Any

from domain.flows import Flow
from domain.generations import Generation, GenerationStatus
from domain.ids import Id
from domain.images import Image
from domain.ports import Command
from domain.projects import Project
from domain.runs import Run
from resolvers.context import Info
from storage.reads import Page


@dataclass(kw_only=True)
class OfGeneration(Command[Any]):
    """Which generation is meant."""

    id: Id


async def generation(info: Info, id: Id) -> Generation | None:
    return await info.context.reads.one(Generation, info.context.actor, id=id)


async def generations_of(
    root: Project,
    info: Info,
    first: int | None = 20,
    after: str | None = None,
    status: list[GenerationStatus] | None = None,
    flow_id: Id | None = None,
    include_deleted: bool | None = False,
) -> Page[Generation]:
    given = {name: value for name, value in {"status": status, "flow_id": flow_id}.items() if value is not None}
    living = {} if include_deleted else {"deleted_at": None}
    return await info.context.reads.page(
        Generation, info.context.actor, first=first, after=after, project_id=root.id, **given, **living
    )


async def generations_of_flow(
    root: Flow, info: Info, first: int | None = 20, after: str | None = None
) -> Page[Generation]:
    wanted = {"flow_id": root.id, "deleted_at": None}
    return await info.context.reads.page(Generation, info.context.actor, first=first, after=after, **wanted)


async def generation_count_of(root: Flow, info: Info) -> int:
    return await info.context.load_count(Generation, "flow_id", root.id, deleted_at=None)


async def generation_of(root: Image, info: Info) -> Generation | None:
    return await info.context.load(Generation, root.generation_id)


async def output_image_of(root: Generation, info: Info) -> Image | None:
    return await info.context.load(Image, root.output_image_id)


async def reference_images_of(root: Generation, info: Info) -> list[Image]:
    """Those that are still there."""
    found = [await info.context.load(Image, id_) for id_ in root.reference_image_ids]
    return [image for image in found if image is not None]


async def run_of(root: Generation, info: Info) -> Run | None:
    return await info.context.load(Run, root.run_id)
