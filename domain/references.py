"""Images that others are made from, named by id or by alias."""

from collections.abc import Sequence

from domain.aliases import is_alias
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id, parse_id
from domain.images import Image
from domain.naming import meanings
from domain.ports import Transaction

_FIELD = "referenceImages"


async def references_of(tx: Transaction, project_id: Id, names: Sequence[str], flow_id: Id | None) -> list[Image]:
    """The images that these mean now, in their order. Raises IMAGE_NOT_FOUND, ALIAS_NOT_FOUND, VALIDATION_ERROR."""
    return [await _reference(tx, project_id, name, flow_id) for name in names]


async def _reference(tx: Transaction, project_id: Id, name: str, flow_id: Id | None) -> Image:
    if is_alias(name):
        found = await meanings(tx, project_id, name, flow_id)
        if not found:
            raise DomainError(ErrorCode.ALIAS_NOT_FOUND, f"No image is called {name} here", field=_FIELD)
        return next(iter(found.values()))
    if parse_id(name) is None:
        raise InvalidInput("referenceImages are ids of images, or aliases as @hero", field=_FIELD)
    image = await tx.newest(Image, id=name, project_id=project_id, deleted_at=None)
    if image is None:
        raise DomainError(ErrorCode.IMAGE_NOT_FOUND, f"The project has no image '{name[:80]}'", field=_FIELD)
    return image
