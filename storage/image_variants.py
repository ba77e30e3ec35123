"""Variants that were made before: where their bytes are, for as long as the image has the bytes they were made of."""

from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ids import new_id
from storage.batches import Batches
from storage.failures import spoken_plainly
from storage.pool import reading
from storage.public_images import PublicImage

MOST_REMEMBERED = 10_000

Name = tuple[str, str, str]
"""The image's id, the hash of its bytes, and what was made of them."""


@dataclass(frozen=True, slots=True)
class Variant:
    """`file_hash` is the SHA-256 of its own bytes, `file_size` their number."""

    object_key: str
    mime_type: str
    file_size: int
    file_hash: str


class ImageVariants:
    """
    Remembers where variants are: what was made of bytes stays what was made of them.

    Whoever asks has read the image at that moment; of a variant that is remembered and was removed meanwhile, the
    bytes are not there any more, which is when `forget` helps.
    """

    def __init__(self, engine: AsyncEngine, most_per_image: int) -> None:
        self._engine = engine
        self._most_per_image = most_per_image
        self._batches = Batches(self._read)
        self._remembered: OrderedDict[Name, Variant] = OrderedDict()

    async def find(self, image: PublicImage, name: str) -> Variant | None:
        key = (image.id, image.file_hash, name)
        known = self._remembered.get(key) or await self._batches.one(key)
        if known is not None:
            self._remember(key, known)
        return known

    async def keep(self, image: PublicImage, name: str, variant: Variant) -> bool:
        """
        Whether it is the one to be found from now on; not where the image has other bytes by now, or another was first.

        Of an image that has too many, the oldest go.
        """
        told = {"id": new_id(), "image_id": image.id, "file_hash": image.file_hash, "name": name}
        told |= {"object_key": variant.object_key, "mime_type": variant.mime_type}
        numbers = {"variant_size": variant.file_size, "variant_hash": variant.file_hash}
        try:
            with spoken_plainly():
                async with self._engine.begin() as connection:
                    kept = (await connection.execute(_KEEP, {**told, **numbers})).rowcount == 1
                    await connection.execute(_MAKE_ROOM, {"image_id": image.id, "most": self._most_per_image})
        except IntegrityError:
            return False
        if kept:
            self._remember((image.id, image.file_hash, name), variant)
        return kept

    async def forget(self, image: PublicImage, name: str, variant: Variant) -> None:
        """Its bytes are not there any more: it has to be made again."""
        self._remembered.pop((image.id, image.file_hash, name), None)
        with spoken_plainly():
            async with self._engine.begin() as connection:
                await connection.execute(_FORGET, {"object_key": variant.object_key})

    async def _read(self, names: list[Name]) -> dict[Name, Variant]:
        columns = zip(*names, strict=True)
        values = {name: list(column) for name, column in zip(("ids", "hashes", "names"), columns, strict=True)}
        with spoken_plainly():
            async with reading(self._engine).connect() as connection:
                rows = await connection.execute(_FIND, values)
                return {(str(row[0]), row[1], row[2]): Variant(*row[3:]) for row in rows}

    def _remember(self, name: Name, variant: Variant) -> None:
        self._remembered[name] = variant
        self._remembered.move_to_end(name)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)


_FIND = text("""
    SELECT image_id, file_hash, name, object_key, mime_type, variant_size, variant_hash
    FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS text[]), CAST(:names AS text[]))
        AS asked (image_id, file_hash, name)
    JOIN image_variants USING (image_id, file_hash, name)
""")
_KEEP = text("""
    INSERT INTO image_variants
        (id, image_id, file_hash, name, object_key, mime_type, variant_size, variant_hash, created_at)
    VALUES (:id, :image_id, :file_hash, :name, :object_key, :mime_type, :variant_size, :variant_hash, now())
    ON CONFLICT (image_id, file_hash, name) DO NOTHING
""")
# Nobody's from now on, as those whose image is gone.
_MAKE_ROOM = text("""
    UPDATE image_variants SET image_id = NULL WHERE id IN (
        SELECT id FROM image_variants WHERE image_id = :image_id ORDER BY id DESC OFFSET :most FOR UPDATE SKIP LOCKED
    )
""")
_FORGET = text("UPDATE image_variants SET image_id = NULL WHERE object_key = :object_key")
