"""A flow: a chain of generations and images that belong together, with aliases of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.aliases import require_alias
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.generations import UNDER_WAY, Generation
from domain.ids import Id, new_id, parse_id
from domain.leftovers import Leftover
from domain.ports import Given, Transaction
from domain.projects import Project

MOST_ALIASES = 200
# Of a flow that is neither named nor declined.
UNSAID = Id("\0")


@dataclass(slots=True, kw_only=True)
class Flow:
    """`aliases` are images of its project by their names here."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    aliases: dict[str, Id] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def change(self) -> None:
        self.version += 1
        self.updated_at = datetime.now(UTC)


def require_flow_alias(flow_alias: str | None, flow_id: Id | None) -> None:
    """Raises ALIAS_INVALID, ALIAS_RESERVED, and VALIDATION_ERROR for an alias in no flow."""
    if flow_alias is None:
        return
    require_alias(flow_alias, "flowAlias")
    if flow_id is None:
        message = "flowAlias is a name in a flow: give its flowId, or leave flowId out for a new one"
        raise InvalidInput(message, field="flowAlias")


async def flow_for(tx: Transaction, project: Project, flow_id: Id | None, flow_alias: str | None) -> Id | None:
    """
    The flow that something new belongs to: the one that is named, made where it is not there yet.

    None where it is to belong to none. Where nothing was said it is a fresh one, which is made once it is needed: by an
    alias in it, or by whoever names it later.
    """
    if flow_id is None:
        return None
    wanted = new_id() if flow_id == UNSAID else parse_id(flow_id)
    if wanted is None:
        raise InvalidInput("flowId must be a UUID", field="flowId")
    if flow_id != UNSAID or flow_alias is not None:
        flow = await _ensured(tx, project, wanted)
        if flow_alias is not None:
            await require_room(tx, flow, {flow_alias}, "flowAlias")
    return wanted


async def _ensured(tx: Transaction, project: Project, id: Id) -> Flow:
    await tx.alone(f"flow/{id}")
    found = await tx.find(Flow, id=id)
    if not found and await tx.find(Leftover, id=id):
        raise DomainError(ErrorCode.FLOW_NOT_FOUND, "This flow was deleted just now", field="flowId")
    if not found:
        flow = Flow(id=id, organization_id=project.organization_id, project_id=project.id)
        tx.add(flow)
        return flow
    if found[0].project_id != project.id:
        raise DomainError(ErrorCode.FLOW_NOT_FOUND, "There is no such flow in this project", field="flowId")
    return found[0]


async def name_in_flow(tx: Transaction, flow_id: Id, alias: str, image_id: Id) -> None:
    """Give the image its name in the flow, if that is still there. It has room for what was promised."""
    for flow in await tx.lock(Flow, id=flow_id):
        flow.aliases = flow.aliases | {alias: image_id}
        flow.change()
        tx.save(flow)


async def require_room(tx: Transaction, flow: Flow, aliases: Iterable[str], field: str) -> None:
    """
    Raises VALIDATION_ERROR where the flow has no room for these too, beside those promised to what is being made.

    Who asks has the flow for themselves until the end of the transaction.
    """
    making = {"flow_id": flow.id, "flow_alias": Given(), "output_image_id": None, "deleted_at": None}
    promised = await tx.find(Generation, **making, status=UNDER_WAY)
    require_few_aliases(len({*flow.aliases, *(one.flow_alias for one in promised), *aliases}), field)


def require_few_aliases(aliases: int, field: str = "aliases") -> None:
    if aliases > MOST_ALIASES:
        raise InvalidInput(f"A flow has up to {MOST_ALIASES} aliases", field=field)
