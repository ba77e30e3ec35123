"""What people may change of an image, and how it is removed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain.aliases import require_alias
from domain.discarded import Discarded
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.flows import Flow
from domain.generations import Generation
from domain.ids import Id
from domain.images import SAME_POINT, FocalPoint, Image
from domain.naming import take_alias
from domain.permissions import Actor
from domain.plain import require_json_object
from domain.ports import Command, Holding, Transaction
from domain.versions import require_version


@dataclass(kw_only=True)
class UpdateImage(Command[Image]):
    """
    Change what is given of an image; `meta` replaces what was there, and null for `focal_point` takes it away.

    `alias` is its name in the project, in place of the one it had. Raises ALIAS_CONFLICT where another has it.
    """

    id: Id
    expected_version: int | None = None
    focal_point: FocalPoint | None = SAME_POINT
    meta: dict[str, Any] | None = None
    alias: str | None = None

    def __post_init__(self) -> None:
        if self.alias is not None:
            require_alias(self.alias)
        if self.meta is not None:
            require_json_object(self.meta, "meta")
        point = self.focal_point
        if point is not None and point is not SAME_POINT and not (0.0 <= point.x <= 1.0 and 0.0 <= point.y <= 1.0):
            message = "focalPoint is x and y from 0.0 to 1.0, from the left and from the top"
            raise InvalidInput(message, field="focalPoint")


async def update_image(tx: Transaction, actor: Actor, command: UpdateImage) -> Image:
    image = await living(tx, command.id)
    require_version(image.version, command.expected_version)
    if command.focal_point is not SAME_POINT:
        image.focal_point = command.focal_point
    image.meta = image.meta if command.meta is None else command.meta
    if command.alias is not None:
        await _name(tx, image, command.alias)
    _keep(tx, image)
    return image


@dataclass(kw_only=True)
class AssignImageAlias(Command[Image]):
    """Give an image its name in the project, in place of the one it had. Raises ALIAS_CONFLICT where another has it."""

    id: Id
    alias: str

    def __post_init__(self) -> None:
        require_alias(self.alias)


async def assign_image_alias(tx: Transaction, actor: Actor, command: AssignImageAlias) -> Image:
    image = await living(tx, command.id)
    if image.alias != command.alias:
        await _name(tx, image, command.alias)
        _keep(tx, image)
    return image


@dataclass(kw_only=True)
class DeleteImage(Command[Id]):
    """Remove an image, its bytes and its names, for good."""

    id: Id


async def delete_image(tx: Transaction, actor: Actor, command: DeleteImage) -> Id:
    seen = await tx.get(Image, command.id)
    if seen.generation_id is not None:  # locked before its image, as workers do
        generation = await tx.get(Generation, seen.generation_id, lock=True)
        generation.output_image_id = None
        tx.record(generation.changed())
        tx.save(generation)
    await remove_for_good(tx, await tx.get(Image, command.id, lock=True))
    return command.id


async def remove_for_good(tx: Transaction, image: Image) -> None:
    """Its row, its bytes and its names."""
    await forget_names(tx, image)
    tx.record(image.removed())
    tx.remove(image)
    tx.add(Discarded(organization_id=image.organization_id, object_key=image.object_key))


async def put_out_of_sight(tx: Transaction, image: Image) -> bool:
    """Whether the image stays for those who know its name; one that nobody has named goes for good."""
    if not await _has_a_name(tx, image):
        await remove_for_good(tx, image)
        return False
    if image.deleted_at is None:
        tx.record(image.removed())
        tx.save(image)
    return True


async def remove_nameless(tx: Transaction, images: Iterable[Image]) -> None:
    """Of these, those that were out of sight and have lost the last name that kept them."""
    for image in images:
        if image.deleted_at is not None and not await _has_a_name(tx, image):
            await remove_for_good(tx, image)


async def _has_a_name(tx: Transaction, image: Image) -> bool:
    held = {"project_id": image.project_id, "aliases": Holding(image.id)}
    return image.alias is not None or bool(await tx.find(Flow, 1, **held))


async def forget_names(tx: Transaction, image: Image) -> None:
    """No flow knows it any more."""
    for flow in await tx.lock(Flow, project_id=image.project_id, aliases=Holding(image.id)):
        flow.aliases = {alias: id_ for alias, id_ in flow.aliases.items() if id_ != image.id}
        flow.change()
        tx.save(flow)


async def living(tx: Transaction, id: Id) -> Image:
    """The image, this transaction's to change; one that was deleted is not there."""
    image = await tx.get(Image, id, lock=True)
    if image.deleted_at is not None:
        raise DomainError(ErrorCode.IMAGE_NOT_FOUND, "This image was deleted")
    return image


async def _name(tx: Transaction, image: Image, alias: str) -> None:
    if image.alias != alias:
        await take_alias(tx, image.project_id, alias)
        image.alias = alias


def _keep(tx: Transaction, image: Image) -> None:
    tx.record(image.changed())
    tx.save(image)
