"""How pictures that people bring become images: sent with the request, or straight to the object store."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from domain.aliases import require_alias
from domain.discarded import Discarded
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.flows import UNSAID, flow_for, name_in_flow, require_flow_alias
from domain.ids import Id, parse_id
from domain.image_uploads import LIFE_SECONDS, ImageUpload, incoming_key, require_file_size, require_mime_type
from domain.images import Image, ImageSource, NewImage
from domain.naming import take_alias
from domain.permissions import Actor, ActorKind
from domain.plain import require_json_object
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.shots.sources import name_source, require_extension, source_named
from domain.text import require_length

LONGEST_FILE_NAME = 255
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A picture that was checked and whose bytes are in the object store, until `discarded` unless they are needed."""

    picture: NewImage
    discarded: Discarded


@dataclass(kw_only=True)
class BringPicture(Command[Kept]):
    """
    A command whose picture comes with it. Without what was `stored` it raises BytesWanted where all else is well: so
    nothing is stored of what is refused, and a repeat has in common with it what was asked, not how it is stored.
    """

    stored: Stored | None = field(default=None, repr=False)

    @property
    def asked(self) -> Any:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "stored"}


@dataclass(kw_only=True)
class _Bound:
    """Where an image that is brought belongs, and what it is called."""

    project_id: Id | None = None
    alias: str | None = None
    flow_id: Id | None = UNSAID
    flow_alias: str | None = None
    meta: dict[str, Any] | None = None

    def require_sound(self) -> None:
        if self.alias is not None:
            require_alias(self.alias)
        require_flow_alias(self.flow_alias, self.flow_id)
        require_json_object({} if self.meta is None else self.meta, "meta")


@dataclass(kw_only=True)
class UploadImage(_Bound, BringPicture[Image]):
    """
    Make an image of a picture. `sent_hash` is the SHA-256 of the bytes as they were sent, `file_name` what the file was
    called: where that is the name of a plan's source, the image is that.

    `alias` is the image's name in the project, `flow_alias` its name in the flow. Without `flow_id` it begins a flow of
    its own; with null it belongs to none.
    """

    sent_hash: str
    file_name: str | None = None

    def __post_init__(self) -> None:
        self.require_sound()

    @property
    def asked(self) -> Any:
        """The same picture under another name is the same."""
        return {name: value for name, value in super().asked.items() if name != "file_name"}


async def upload_image(tx: Transaction, actor: Actor, command: UploadImage) -> Image:
    project = await tx.get(Project, actor.project_meant(command.project_id))
    if command.alias is not None:
        await take_alias(tx, project.id, command.alias)
    flow_id = await flow_for(tx, project, command.flow_id, command.flow_alias)
    says = await source_named(tx, project, command.file_name)
    picture = await taken(tx, project, command.stored)
    image = image_of(picture, project, actor, alias=command.alias, flow_id=flow_id, meta=command.meta or {})
    if says is not None:
        name_source(tx, project, image, says)
    return await _made(tx, image, command.flow_alias)


@dataclass(kw_only=True)
class CreateImageUpload(_Bound, Command[ImageUpload]):
    """
    Announce a picture that is sent straight to the object store; it becomes an image when the upload is completed.

    `file_size` is in bytes, 5,242,880 at most. The rest is as with `uploadImage`.
    """

    file_name: str
    mime_type: str
    file_size: int

    def __post_init__(self) -> None:
        require_length(self.file_name, "fileName", longest=LONGEST_FILE_NAME)
        require_mime_type(self.mime_type)
        require_file_size(self.file_size, "fileSize")
        if self.file_size < 1:
            raise InvalidInput("fileSize is in bytes, 1 at least", field="fileSize")
        self.require_sound()


async def create_image_upload(tx: Transaction, actor: Actor, command: CreateImageUpload) -> ImageUpload:
    project = await tx.get(Project, actor.project_meant(command.project_id))
    if command.alias is not None:
        await take_alias(tx, project.id, command.alias)
    upload = ImageUpload(
        organization_id=project.organization_id,
        project_id=project.id,
        object_key=incoming_key(project.id),
        file_name=command.file_name,
        mime_type=command.mime_type,
        file_size=command.file_size,
        alias=command.alias,
        flow_id=await flow_for(tx, project, command.flow_id, command.flow_alias),
        flow_alias=command.flow_alias,
        meta=command.meta or {},
        created_by=actor.subject,
        expires_at=datetime.now(UTC) + timedelta(seconds=LIFE_SECONDS),
    )
    says = await source_named(tx, project, upload.file_name)
    if says is not None:
        require_extension(says, upload.mime_type)
    tx.add(upload)
    key, due_at = upload.object_key, upload.removed_at
    tx.add(Discarded(organization_id=project.organization_id, object_key=key, due_at=due_at))
    return upload


@dataclass(kw_only=True)
class CompleteImageUpload(BringPicture[Image]):
    """Make an image of what was sent to an upload's URL. Once more gives the same image."""

    upload_id: Id


async def complete_image_upload(tx: Transaction, actor: Actor, command: CompleteImageUpload) -> Image:
    upload = await tx.get(ImageUpload, command.upload_id, lock=True)
    if upload.image_id is not None:
        return await tx.get(Image, upload.image_id)
    project = await tx.get(Project, upload.project_id)
    if upload.alias is not None:
        await take_alias(tx, project.id, upload.alias)
    if upload.flow_alias is not None:
        await flow_for(tx, project, upload.flow_id, upload.flow_alias)
    says = await source_named(tx, project, upload.file_name)
    picture = await taken(tx, project, command.stored)
    named = {"alias": upload.alias, "flow_id": upload.flow_id, "meta": upload.meta}
    image = image_of(picture, project, actor, **named)
    if says is not None:
        name_source(tx, project, image, says)
    upload.image_id = image.id
    tx.save(upload)
    tx.add(Discarded(organization_id=upload.organization_id, object_key=upload.object_key))
    return await _made(tx, image, upload.flow_alias)


class BytesWanted(DomainError):
    """Nothing speaks against the command, but its bytes are not stored: it is to be given again once they are."""

    def __init__(self, project_id: Id) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, _TOO_LATE, retryAfter=1)
        self.project_id = project_id


async def taken(tx: Transaction, project: Project, stored: Stored | None) -> NewImage:
    """The picture, whose bytes are needed from now on; nobody removes them meanwhile. Raises BytesWanted."""
    if stored is None:
        raise BytesWanted(project.id)
    try:
        tx.remove(await tx.get(Discarded, stored.discarded.id, lock=True))
    except DomainError as gone:
        raise DomainError(ErrorCode.UNAVAILABLE, _TOO_LATE, retryAfter=1) from gone
    return stored.picture


_TOO_LATE = "Keeping the picture took too long: send it again"


def image_of(picture: NewImage, project: Project, actor: Actor, **named: Any) -> Image:
    made = {one.name: getattr(picture, one.name) for one in fields(NewImage) if one.name != "meta"}
    return Image(
        organization_id=project.organization_id,
        project_id=project.id,
        api_key_id=parse_id(actor.subject) if actor.kind is ActorKind.API_KEY else None,
        source=ImageSource.UPLOADED,
        object_key=picture.storage_key,
        **made,
        **named,
    )


async def _made(tx: Transaction, image: Image, flow_alias: str | None) -> Image:
    tx.add(image)
    tx.record(image.created())
    if flow_alias is not None and image.flow_id is not None:
        await name_in_flow(tx, image.flow_id, flow_alias, image.id)
    return image
