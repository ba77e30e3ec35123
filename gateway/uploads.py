"""Pictures that callers bring: checked and written anew, kept, and only then made images."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.commands import execute
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.image_uploads import MOST_FILE_BYTES, ImageUpload, require_file_size
from domain.images import Image, NewImage
from domain.permissions import Actor, Permission
from domain.pictures import Picture
from domain.ports import Begin, ObjectStore
from domain.projects import Project
from domain.uploading import CompleteImageUpload, CreateImageUpload, Stored, UploadImage
from gateway.upload_urls import UploadUrls
from providers.cleaning import clean_picture
from storage.discarded import NotYetNeeded
from storage.reads import Reads

MOST_AT_ONCE = 32
CHECK_SECONDS = 60.0
_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Announced:
    """An upload, and how its bytes are sent: by PUT to this URL, with these headers."""

    upload: ImageUpload
    url: str
    headers: dict[str, str]


@dataclass(eq=False)
class Uploads:
    """
    What a picture passes before it is an image. `max_pixels` is the most it may have.

    Before its bytes are stored it is noted that nobody needs them yet; the command that makes the image takes the note
    back. So a refusal, a crash or a store that goes away leaves neither a row without bytes nor bytes without a row.
    """

    begin: Begin
    reads: Reads
    objects: ObjectStore
    unneeded: NotYetNeeded
    urls: UploadUrls
    max_pixels: int
    _under_way: int = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Held while a picture is in memory. Raises UNAVAILABLE where too many are."""
        if self._under_way >= MOST_AT_ONCE:
            message = "Too many pictures are coming in at once: try again in a few seconds"
            raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=_RETRY_SECONDS)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def upload(self, actor: Actor, command: UploadImage, data: bytes) -> Image:
        """The image that these bytes become."""
        require_file_size(len(data))
        meant = actor.project_meant(command.project_id)
        project_id = await self.reads.project_of(Project, actor, meant, Permission.IMAGES_WRITE)
        if project_id is None:
            return await execute(self.begin, actor, command)  # which refuses it, and says why
        return await self._made(actor, command, await self._checked(data), project_id)

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
        async with self.turn():
            picture = await self._checked(await self._sent(upload))
            if picture.mime_type != upload.mime_type:
                message = f"The picture is {picture.mime_type}, and was announced as {upload.mime_type}"
                raise InvalidInput(message, field="mimeType")
            return await self._made(actor, command, picture, upload.project_id)

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
            raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=_RETRY_SECONDS) from error

    async def _made(
        self, actor: Actor, command: UploadImage | CompleteImageUpload, picture: Picture, project_id: Id
    ) -> Image:
        new = NewImage.of(picture, project_id)
        unneeded = await self.unneeded.begin(actor.organization_id, new.storage_key)
        image = None
        try:
            await self.objects.put(new.storage_key, picture.data, picture.mime_type)
            stored = Stored(picture=new, discarded=unneeded)
            image = await execute(self.begin, actor, replace(command, stored=stored))
        finally:
            if image is None or image.id != new.id:  # refused, or made by an earlier request
                with suppress(DomainError):  # then they go by themselves, later
                    await self.unneeded.drop(unneeded)
        return image
