"""A flow: a chain of generations and images that belong together, with aliases of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.aliases import require_alias
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.generations import Generation
from domain.ids import Id, new_id, parse_id
from domain.images import Image
from domain.permissions import Actor
from domain.plain import require_json_object
from domain.ports import Command, Transaction
from domain.projects import Project

MOST_ALIASES = 200
# Of a flow that is neither named nor declined.
UNSAID = Id("")


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
        await _ensure(tx, project, wanted)
    return wanted


async def _ensure(tx: Transaction, project: Project, id: Id) -> None:
    await tx.alone(f"flow/{id}")
    found = await tx.find(Flow, id=id)
    if not found:
        tx.add(Flow(id=id, organization_id=project.organization_id, project_id=project.id))
    elif found[0].project_id != project.id:
        raise DomainError(ErrorCode.FLOW_NOT_FOUND, "There is no such flow in this project", field="flowId")


@dataclass(kw_only=True)
class CreateFlow(Command[Flow]):
    """Begin a flow."""

    project_id: Id | None = None
    meta: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        require_json_object({} if self.meta is None else self.meta, "meta")


async def create_flow(tx: Transaction, actor: Actor, command: CreateFlow) -> Flow:
    project = await tx.get(Project, actor.project_meant(command.project_id))
    flow = Flow(organization_id=project.organization_id, project_id=project.id, meta=command.meta or {})
    tx.add(flow)
    return flow


@dataclass(frozen=True, kw_only=True)
class FlowAlias:
    """A name, and the image that has it."""

    alias: str
    image_id: Id


@dataclass(kw_only=True)
class SetFlowAliases(Command[Flow]):
    """Add aliases to a flow or give them to other images; those that are not named stay as they are."""

    id: Id
    aliases: list[FlowAlias]

    def __post_init__(self) -> None:
        _require_few(len(self.aliases))
        for named in self.aliases:
            require_alias(named.alias, "aliases")


async def set_flow_aliases(tx: Transaction, actor: Actor, command: SetFlowAliases) -> Flow:
    flow = await tx.get(Flow, command.id, lock=True)
    wanted = sorted({named.image_id for named in command.aliases})
    there = {image.id for image in await tx.find(Image, id=wanted, project_id=flow.project_id, deleted_at=None)}
    if missing := [id_ for id_ in wanted if id_ not in there]:
        raise DomainError(ErrorCode.IMAGE_NOT_FOUND, f"The project has no image '{missing[0][:80]}'", field="aliases")
    aliases = flow.aliases | {named.alias: named.image_id for named in command.aliases}
    _require_few(len(aliases))
    if aliases != flow.aliases:
        flow.aliases = aliases
        flow.change()
        tx.save(flow)
    return flow


def _require_few(aliases: int) -> None:
    if aliases > MOST_ALIASES:
        raise InvalidInput(f"A flow has up to {MOST_ALIASES} aliases", field="aliases")


@dataclass(kw_only=True)
class RemoveFlowAlias(Command[Flow]):
    """Take one alias from a flow."""

    id: Id
    alias: str


async def remove_flow_alias(tx: Transaction, actor: Actor, command: RemoveFlowAlias) -> Flow:
    flow = await tx.get(Flow, command.id, lock=True)
    if command.alias not in flow.aliases:
        message = f"This flow has no alias {command.alias[:80]}"
        raise DomainError(ErrorCode.ALIAS_NOT_FOUND, message, field="alias")
    flow.aliases = {alias: id_ for alias, id_ in flow.aliases.items() if alias != command.alias}
    flow.change()
    tx.save(flow)
    return flow


@dataclass(kw_only=True)
class DeleteFlow(Command[Id]):
    """Remove a flow with its aliases, for good. Its generations and images stay, and belong to no flow."""

    id: Id


async def delete_flow(tx: Transaction, actor: Actor, command: DeleteFlow) -> Id:
    flow = await tx.get(Flow, command.id, lock=True)
    belong: list[Image | Generation] = [*await tx.find(Image, flow_id=flow.id)]
    for belonging in (*belong, *await tx.find(Generation, flow_id=flow.id)):
        belonging.flow_id = None
        tx.record(belonging.changed())
        tx.save(belonging)
    tx.remove(flow)
    return flow.id
