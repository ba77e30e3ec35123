"""What a step may reach while it works: the providers, and a place to keep pictures."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar

from domain.errors import DomainError, ErrorCode
from domain.flags import Flag
from domain.images import Image, NewImage
from domain.kinds.input_value import image_value
from domain.kinds.kind import Work
from domain.permissions import engine_actor
from domain.pictures import Change
from domain.ports import Flags, ObjectStore
from domain.projects import Project
from domain.providers import GeneratedPicture, GraphProvider, ImageProvider, TextProvider
from providers.changes import change_picture
from providers.marks import marked
from providers.pictures import MAX_PIXELS, read_picture
from storage.reads import Reads

STORE_ATTEMPTS = 20

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class EngineToolbox:
    """Implements `domain.kinds.kind.Toolbox`."""

    image_provider: ImageProvider
    text_provider: TextProvider
    graph_provider: GraphProvider | None
    objects: ObjectStore
    reads: Reads
    flags: Flags
    max_pixels: int = MAX_PIXELS
    store_seconds: float = 60.0

    async def keep_image(
        self, picture: GeneratedPicture, work: Work, *, model: str | None, provider: str | None
    ) -> NewImage:
        measured = await read_picture(picture.data, max_pixels=self.max_pixels)
        if picture.digital_source is not None and await self._marks(work):
            data = marked(measured.data, picture.digital_source)
            measured = replace(measured, data=data, sha256=sha256(data).hexdigest())
        known = {"seed": picture.seed, "model": model, "provider": provider, "meta": picture.meta}
        new = NewImage.of(measured, work.project_id, **known)
        await self._insisted(lambda: self.objects.put(new.storage_key, measured.data, measured.mime_type))
        return new

    async def _marks(self, work: Work) -> bool:
        """Whether the project's pictures are to say where they come from."""
        actor = engine_actor(work.organization_id, work.call.trace_id)
        project = await self._insisted(lambda: self.reads.one(Project, actor, id=work.project_id))
        return self.flags.is_on(Flag.SOURCE_MARK, project.settings.feature_flags if project else None)

    async def _insisted(self, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """A picture may have been paid for: what is away for a while must not lose it."""
        deadline = asyncio.get_running_loop().time() + self.store_seconds
        while True:
            try:
                return await act()
            except DomainError as error:
                if error.code is not ErrorCode.UNAVAILABLE or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(self.store_seconds / STORE_ATTEMPTS)

    async def read_images(self, values: Iterable[Any], work: Work) -> list[tuple[Image, bytes]]:
        wanted = [image_value(value, "inputs")["imageId"] for value in values]
        actor = engine_actor(work.organization_id, work.call.trace_id)
        found = await self.reads.many(Image, actor, id=wanted, project_id=work.project_id)
        by_id = {image.id: image for image in found}
        if missing := [id_ for id_ in wanted if id_ not in by_id]:
            raise DomainError(ErrorCode.IMAGE_NOT_FOUND, f"The project has no image '{missing[0]}' any more")
        return [(by_id[id_], await self.objects.get(by_id[id_].object_key)) for id_ in wanted]

    async def change_picture(self, data: bytes, change: Change) -> bytes:
        return await change_picture(data, change, max_pixels=self.max_pixels)
