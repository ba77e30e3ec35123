"""Entities as they are told, with what belongs to them read for all of them at once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from domain.flows import Flow
from domain.generations import Generation
from domain.images import Image
from domain.live_scopes import LiveScope
from rest.api_v1 import shapes
from rest.api_v1.house import Here
from rest.api_v1.shapes import Shape


async def told(here: Here, one: Any) -> Shape:
    return (await all_told(here, [one]))[0]


async def all_told(here: Here, found: Sequence[Any]) -> list[Shape]:
    """Entities of one kind, in their order."""
    return await _TOLD[type(found[0])](here, found) if found else []


async def _images(here: Here, found: Sequence[Image]) -> list[Shape]:
    return [shapes.image(one, here.place, here.house.public_url) for one in found]


async def _generations(here: Here, found: Sequence[Generation]) -> list[Shape]:
    ids = {id_ for one in found for id_ in (one.output_image_id, *one.reference_image_ids) if id_}
    images = await here.reads.many(Image, here.actor, id=sorted(ids)) if ids else []
    shown = {shape["id"]: shape for shape in await _images(here, images)}
    return [shapes.generation(one, shown) for one in found]


async def _flows(here: Here, found: Sequence[Flow]) -> list[Shape]:
    ids = [one.id for one in found]
    generations, images = [
        await here.reads.count_of_each(kind, here.actor, "flow_id", ids, deleted_at=None)
        for kind in (Generation, Image)
    ]
    return [shapes.flow(one, generations.get(one.id, 0), images.get(one.id, 0)) for one in found]


async def _live_scopes(here: Here, found: Sequence[LiveScope]) -> list[Shape]:
    return [shapes.live_scope(one) for one in found]


_TOLD: dict[type, Callable[[Here, Any], Awaitable[list[Shape]]]] = {
    Flow: _flows,
    Generation: _generations,
    Image: _images,
    LiveScope: _live_scopes,
}
