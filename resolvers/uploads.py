"""Pictures that come with a mutation, or that are sent straight to the object store."""

from dataclasses import dataclass, fields
from typing import Any

from starlette.datastructures import UploadFile
from strawberry.file_uploads import Upload

from domain.errors import InvalidInput
from domain.flows import UNSAID
from domain.ids import Id
from domain.images import Image
from domain.ports import Command
from domain.uploading import CompleteImageUpload, CreateImageUpload, UploadImage
from gateway.forms import hash_of, size_of
from gateway.uploads import Announced
from resolvers.context import Info
from resolvers.mutations import Payload


@dataclass(kw_only=True)
class PictureBrought(Command[Image]):
    """
    Make an image of a picture. It is checked, and written anew: what its file told besides what can be seen is gone.

    `alias` is the image's name in the project, `flow_alias` its name in the flow. Without `flow_id` it begins a flow of
    its own; with null it belongs to none.
    """

    project_id: Id | None = None
    file: Upload
    alias: str | None = None
    flow_id: Id | None = UNSAID
    flow_alias: str | None = None
    meta: dict[str, Any] | None = None


@dataclass(kw_only=True)
class OfUpload(Command[Any]):
    """Which upload is meant."""

    upload_id: Id


async def upload_image(info: Info, input: PictureBrought) -> Payload[Image]:
    if not isinstance(input.file, UploadFile):
        message = "Send the file as the GraphQL multipart request specification says"
        raise InvalidInput(message, field="file")
    given = {one.name: getattr(input, one.name) for one in fields(input) if one.name != "file"}
    uploads = info.context.studio.uploads
    async with uploads.turn(size_of(input.file)):
        data = await input.file.read()
        command = UploadImage(**given, file_name=input.file.filename, sent_hash=await hash_of(data))
        return Payload(input.client_mutation_id, await uploads.upload(info.context.actor, command, data))


async def create_image_upload(info: Info, input: CreateImageUpload) -> Payload[Announced]:
    announced = await info.context.studio.uploads.announce(info.context.actor, input)
    return Payload(input.client_mutation_id, announced)


async def complete_image_upload(info: Info, input: OfUpload) -> Payload[Image]:
    command = CompleteImageUpload(client_mutation_id=input.client_mutation_id, upload_id=input.upload_id)
    return Payload(input.client_mutation_id, await info.context.studio.uploads.complete(info.context.actor, command))


# A mutation bears the name of its command.
for resolver, command in (
    (upload_image, UploadImage),
    (create_image_upload, CreateImageUpload),
    (complete_image_upload, CompleteImageUpload),
):
    resolver.__name__ = command.__name__
