"""Pictures that callers bring: checked and written anew, kept, and only then made images."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from domain.commands import execute
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.image_uploads import MOST_FILE_BYTES, ImageUpload, require_file_size
from domain.images import Image, NewImage
from domain.permissions import Actor
from domain.pictures import Picture
from domain.ports import Begin, ObjectStore
from domain.shots.shot import Shot
from domain.shots.submitting import SubmitShotImage
from domain.uploading import BringPicture, BytesWanted, CompleteImageUpload, CreateImageUpload, Stored, UploadImage
from gateway.picture_turns import RETRY_SECONDS, PictureTurns
from gateway.upload_urls import UploadUrls
from providers.cleaning import clean_picture
from storage.discarded import NotYetNeeded
from storage.reads import Reads

CHECK_SECONDS = 60.0

Kept = TypeVar("Kept", Image, Shot)


@dataclass(frozen=True, slots=True)
class Announced:
    """An upload, and how its bytes are sent: by PUT to this URL, with these headers."""

    upload: ImageUpload
    url: str
    headers: dict[str, str]


@dataclass(eq=False)
class Uploads:
    """
    What a picture passes before it is an image. `max_pixels` is the most it may have, `shot_bytes` the most bytes where
    it is a shot's.

    A command is given twice: without the bytes, which tells whether it wants them, and then with them. Before they are
    stored it is noted that nobody needs them yet; the command that makes the image takes the note back. So a refusal, a
    crash or a store that goes away leaves neither a row without bytes nor bytes without a row.
    """

    begin: Begin
    reads: Reads
    objects: ObjectStore
    unneeded: NotYetNeeded
    urls: UploadUrls
    max_pixels: int
    shot_bytes: int
    _turns: PictureTurns = field(default_factory=PictureTurns)

    def turn(self, size_bytes: int) -> AbstractAsyncContextManager[None]:
        """Held while a picture of so many bytes is in memory. Raises UNAVAILABLE where too many are."""
        return self._turns.of(size_bytes)

    async def upload(self, actor: Actor, command: UploadImage, data: bytes) -> Image:
        """The image that these bytes become."""
        require_file_size(len(data))
        return await self._brought(actor, command, partial(self._checked, data))

    async def submit(self, actor: Actor, command: SubmitShotImage, data: bytes) -> Shot:
        """The shot whose picture, or source, these bytes become."""
        require_file_size(len(data), most_bytes=self.shot_bytes)
        return await self._brought(actor, command, partial(self._checked, data))

    async def announce(self, actor: Actor, command: CreateImageUpload) -> Announced:
        """An upload, and where its bytes are to be sent."""
        upload = await execute(self.begin, actor, command)
        key, left = upload.object_key, (upload.expires_at - datetime.now(UTC)).total_seconds()
        said = (key, upload.mime_type, upload.file_size)
        url = await self.objects.presigned_put(*said, expires_seconds=max(1, int(left)))
        return Announced(upload, url or self.urls.of(*said, upload.expires_at), {"Content-Type": upload.mime_type})

    async def complete(self, actor: Actor, command: CompleteImageUpload) -> Image:
        """The image that the bytes become which were sent to the upload's URL."""
        upload = await self.reads.one(ImageUpload, actor, id=command.upload_id)
        if upload is None or upload.image_id is not None:
            return await execute(self.begin, actor, command)
        async with self.turn(upload.file_size):
            return await self._brought(actor, command, partial(self._picture, upload))

    async def _picture(self, upload: ImageUpload) -> Picture:
        picture = await self._checked(await self._sent(upload))
        if picture.mime_type != upload.mime_type:
            message = f"The picture is {picture.mime_type}, and was announced as {upload.mime_type}"
            raise InvalidInput(message, field="mimeType")
        return picture

    async def _sent(self, upload: ImageUpload) -> bytes:
        try:
            data = await self.objects.get_up_to(upload.object_key, MOST_FILE_BYTES)
        except DomainError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
            late = upload.expires_at < datetime.now(UTC)
            message = "This upload has expired: begin another one" if late else "PUT the picture to uploadUrl first"
            raise DomainError(ErrorCode.CONFLICT, message, field="uploadId") from error
        require_file_size(len(data))
        if len(data) != upload.file_size:
            message = f"The file has {len(data):,} bytes, and was announced with {upload.file_size:,}"
            raise InvalidInput(message, field="fileSize")
        return data

    async def _checked(self, data: bytes) -> Picture:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await clean_picture(data, max_pixels=self.max_pixels)
        except TimeoutError as error:
            message = "Checking the picture takes too long at the moment: try again in a few seconds"
            raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=RETRY_SECONDS) from error

    async def _brought(
        self, actor: Actor, command: BringPicture[Kept], picture: Callable[[], Awaitable[Picture]]
    ) -> Kept:
        """What the command answers. Nothing is read, checked or stored of what it does not want."""
        try:
            return await execute(self.begin, actor, command)  # refused, or answered before
        except BytesWanted as wanted:
            return await self._made(actor, command, await picture(), wanted.project_id)

    async def _made(self, actor: Actor, command: BringPicture[Kept], picture: Picture, project_id: Id) -> Kept:
        new = NewImage.of(picture, project_id)
        unneeded = await self.unneeded.begin(actor.organization_id, new.storage_key)
        kept: Kept | None = None
        try:
            await self.objects.put(new.storage_key, picture.data, picture.mime_type)
            stored = Stored(picture=new, discarded=unneeded)
            kept = await execute(self.begin, actor, replace(command, stored=stored))
        finally:
            if kept is None or not _needs(kept, new.id):  # refused, or made by an earlier request
                with suppress(DomainError):  # then they go by themselves, later
                    await self.unneeded.drop(unneeded)
        return kept


def _needs(kept: Image | Shot, image_id: Id) -> bool:
    return image_id in ({kept.image_id, kept.source_image_id} if isinstance(kept, Shot) else {kept.id})
