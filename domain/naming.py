"""What an alias means, and whether it may be given."""

from typing import Any, Protocol, TypeVar

from domain.aliases import AliasScope, Technical
from domain.errors import DomainError, ErrorCode
from domain.flows import Flow
from domain.generations import UNDER_WAY, Generation
from domain.ids import Id
from domain.images import Image, ImageSource
from domain.ports import Transaction

Entity = TypeVar("Entity")


class Rows(Protocol):
    """Where the images and flows are that an alias may mean."""

    async def newest(self, kind: type[Entity], /, **equals: Any) -> Entity | None: ...

    async def oldest(self, kind: type[Entity], /, **equals: Any) -> Entity | None: ...


async def meanings(rows: Rows, project_id: Id, alias: str, flow_id: Id | None = None) -> dict[AliasScope, Image]:
    """Whom the alias means in the project, or in one of its flows; the first of these is what it stands for."""
    asked = {
        AliasScope.TECHNICAL: await _technical(rows, project_id, alias),
        AliasScope.FLOW: await _of_flow(rows, project_id, flow_id, alias),
        AliasScope.PROJECT: await rows.newest(Image, project_id=project_id, alias=alias, deleted_at=None),
    }
    return {scope: image for scope, image in asked.items() if image is not None}


async def _technical(rows: Rows, project_id: Id, alias: str) -> Image | None:
    # What visitors had generated is not what the people of the project mean.
    made = {"project_id": project_id, "source": ImageSource.GENERATED, "live_scope_id": None, "deleted_at": None}
    match alias:
        case Technical.LAST:
            return await rows.newest(Image, **made)
        case Technical.FIRST:
            return await rows.oldest(Image, **made)
        case Technical.UPLOAD:
            return await rows.newest(Image, **{**made, "source": ImageSource.UPLOADED})
    return None


async def _of_flow(rows: Rows, project_id: Id, flow_id: Id | None, alias: str) -> Image | None:
    if flow_id is None:
        return None
    found = await rows.newest(Flow, id=flow_id, project_id=project_id)
    image_id = found.aliases.get(alias) if found else None
    return await rows.newest(Image, id=image_id, deleted_at=None) if image_id else None


async def take_alias(tx: Transaction, project_id: Id, alias: str) -> None:
    """Make sure that nobody else in the project has this alias, or gets it first. Raises ALIAS_CONFLICT."""
    if not await is_free(tx, project_id, alias):
        raise DomainError(ErrorCode.ALIAS_CONFLICT, "Alias already exists", field="alias")


async def is_free(tx: Transaction, project_id: Id, alias: str) -> bool:
    """Whether no image has the alias, deleted ones included, and none that is being made is to get it."""
    await tx.alone(f"alias/{project_id}/{alias}")
    if await tx.newest(Image, project_id=project_id, alias=alias) is not None:
        return False
    promised = {"project_id": project_id, "alias": alias, "status": UNDER_WAY, "output_image_id": None}
    return not await tx.find(Generation, 1, **promised, deleted_at=None)
