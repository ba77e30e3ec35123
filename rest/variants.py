"""Variants of images: found, or made and kept; one maker for all who ask for the same."""

import asyncio
import secrets
from hashlib import sha256

from domain.errors import DomainError, ErrorCode
from domain.image_variants import Wanted
from domain.ports import ObjectStore
from providers.changes import change_picture
from storage.image_variants import ImageVariants, Variant
from storage.public_images import PublicImage

AT_ONCE = 2
MOST_WAITING = 64
MAKING_SECONDS = 60
RETRY_AFTER_SECONDS = 2

FOLDER = "variants"


class Variants:
    def __init__(self, known: ImageVariants, objects: ObjectStore) -> None:
        self._known = known
        self._objects = objects
        self._making: dict[str, asyncio.Task[Variant]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def get(self, image: PublicImage, wanted: Wanted) -> Variant:
        """The variant, made if nobody has before. Raises UNAVAILABLE where too many are being made."""
        return await self._known.find(image, wanted.name) or await self._made(image, wanted)

    async def forget(self, image: PublicImage, wanted: Wanted, variant: Variant) -> None:
        """Its bytes have gone: the next who asks has it made again."""
        await self._known.forget(image, wanted.name, variant)

    async def _made(self, image: PublicImage, wanted: Wanted) -> Variant:
        name = f"{image.id} {image.file_hash} {wanted.name}"
        making = self._making.get(name)
        if making is None:
            if len(self._making) >= AT_ONCE + MOST_WAITING:
                message = "Too many pictures are being made just now: try again shortly"
                raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=RETRY_AFTER_SECONDS)
            making = self._making[name] = asyncio.create_task(self._make(image, wanted))
            making.add_done_callback(lambda done: self._end(name, done))
        return await asyncio.shield(making)

    def _end(self, name: str, making: "asyncio.Task[Variant]") -> None:
        del self._making[name]
        if not making.cancelled():
            making.exception()  # seen, even where all who asked have left

    async def _make(self, image: PublicImage, wanted: Wanted) -> Variant:
        try:
            async with asyncio.timeout(MAKING_SECONDS), self._room:
                data = await change_picture(await self._objects.get(image.object_key), wanted.change)
                return await self._kept(image, wanted, data)
        except TimeoutError as error:
            message = "This picture takes too long to make just now: try again shortly"
            raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=RETRY_AFTER_SECONDS) from error

    async def _kept(self, image: PublicImage, wanted: Wanted, data: bytes) -> Variant:
        key = f"{FOLDER}/{image.project_id}/{image.id}/{secrets.token_hex(16)}.{wanted.mime_type[6:]}"
        variant = Variant(key, wanted.mime_type, len(data), sha256(data).hexdigest())
        await self._objects.put(key, data, wanted.mime_type)
        if await self._known.keep(image, wanted.name, variant):
            return variant
        await self._objects.delete(key)
        return await self._known.find(image, wanted.name) or _gone()


def _gone() -> Variant:
    """The image has got other bytes, or is no more, while this was made of the ones it had."""
    raise DomainError(ErrorCode.NOT_FOUND, "The image has changed: ask again")
