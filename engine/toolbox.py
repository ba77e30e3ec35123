"""What a step may reach while it works: the providers, and a place to keep pictures."""

import asyncio
import secrets
from dataclasses import dataclass

from domain.errors import DomainError, ErrorCode
from domain.ids import new_id
from domain.images import NewImage
from domain.kinds.kind import NodeKind, Work
from domain.pictures import Picture
from domain.ports import ObjectStore
from domain.providers import GeneratedPicture, ImageProvider, Recovery, TextProvider
from providers.pictures import read_picture

STORE_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class EngineToolbox:
    """Implements `domain.kinds.kind.Toolbox`."""

    image_provider: ImageProvider
    text_provider: TextProvider
    objects: ObjectStore
    store_seconds: float = 60.0

    async def keep_image(self, picture: GeneratedPicture, work: Work, *, model: str, provider: str) -> NewImage:
        measured = await read_picture(picture.data)
        image_id = new_id()
        # The random part makes the key, and with it the URL of the bytes, impossible to guess.
        key = f"{work.project_id}/{image_id}-{secrets.token_hex(16)}.{measured.extension}"
        await self._store(key, measured)
        return NewImage(
            id=image_id,
            storage_key=key,
            file_name=f"{image_id}.{measured.extension}",
            mime_type=measured.mime_type,
            file_size=len(measured.data),
            file_hash=measured.sha256,
            width=measured.width,
            height=measured.height,
            seed=picture.seed,
            model=model,
            provider=provider,
            meta=picture.meta,
        )

    async def _store(self, key: str, picture: Picture) -> None:
        """A picture may have been paid for: a store that is away for a while must not lose it."""
        deadline = asyncio.get_running_loop().time() + self.store_seconds
        while True:
            try:
                await self.objects.put(key, picture.data, picture.mime_type)
            except DomainError as error:
                if error.code is not ErrorCode.UNAVAILABLE or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(self.store_seconds / STORE_ATTEMPTS)
            else:
                return

    def may_repeat(self, kind: NodeKind) -> bool:
        """Whether running a node of this kind a second time can do no harm. A text made twice costs next to nothing."""
        return kind.calls != "image" or self.image_provider.recovery is Recovery.REPEATABLE
