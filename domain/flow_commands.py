"""How flows are begun, named in, and deleted."""

from dataclasses import dataclass
from typing import Any

from domain.aliases import require_alias
from domain.errors import DomainError, ErrorCode
from domain.flows import Flow, require_few_aliases, require_room
from domain.generations import Generation
from domain.ids import Id
from domain.image_commands import remove_nameless
from domain.images import Image
from domain.leftovers import AT_ONCE, Leftover, LeftoverOf
from domain.permissions import Actor
from domain.plain import require_json_object
from domain.ports import Command, Transaction
from domain.projects import Project


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
        require_few_aliases(len(self.aliases))
        for named in self.aliases:
            require_alias(named.alias, "aliases")


async def set_flow_aliases(tx: Transaction, actor: Actor, command: SetFlowAliases) -> Flow:
    seen = await tx.get(Flow, command.id)
    await tx.alone(f"flow/{seen.id}")  # nothing new is promised a name in it meanwhile
    wanted = sorted({named.image_id for named in command.aliases})
    there = {image.id for image in await tx.lock(Image, id=wanted, project_id=seen.project_id, deleted_at=None)}
    if missing := [id_ for id_ in wanted if id_ not in there]:
        raise DomainError(ErrorCode.IMAGE_NOT_FOUND, f"The project has no image '{missing[0][:80]}'", field="aliases")
    flow = await tx.get(Flow, command.id, lock=True)
    aliases = flow.aliases | {named.alias: named.image_id for named in command.aliases}
    await require_room(tx, flow, aliases, "aliases")
    if aliases != flow.aliases:
        flow.aliases = aliases
        flow.change()
        tx.save(flow)
    return flow


@dataclass(kw_only=True)
class RemoveFlowAlias(Command[Flow]):
    """Take one alias from a flow."""

    id: Id
    alias: str


async def remove_flow_alias(tx: Transaction, actor: Actor, command: RemoveFlowAlias) -> Flow:
    named = (await tx.get(Flow, command.id)).aliases.get(command.alias)
    images = await tx.lock(Image, id=named) if named else []
    flow = await tx.get(Flow, command.id, lock=True)
    if command.alias not in flow.aliases:
        message = f"This flow has no alias {command.alias[:80]}"
        raise DomainError(ErrorCode.ALIAS_NOT_FOUND, message, field="alias")
    flow.aliases = {alias: id_ for alias, id_ in flow.aliases.items() if alias != command.alias}
    flow.change()
    tx.save(flow)
    await remove_nameless(tx, images)
    return flow


@dataclass(kw_only=True)
class DeleteFlow(Command[Id]):
    """Remove a flow with its aliases, for good. Its generations and images stay, and belong to no flow."""

    id: Id


async def delete_flow(tx: Transaction, actor: Actor, command: DeleteFlow) -> Id:
    flow = await tx.get(Flow, command.id)
    await tx.alone(f"flow/{flow.id}")  # nothing new joins it meanwhile
    if await leave(tx, flow.id):
        tx.add(
            Leftover(id=flow.id, organization_id=flow.organization_id, project_id=flow.project_id, of=LeftoverOf.FLOW)
        )
    hidden = await tx.lock(Image, id=sorted(set(flow.aliases.values())), project_id=flow.project_id)
    tx.remove(await tx.get(Flow, flow.id, lock=True))
    await remove_nameless(tx, hidden)
    return flow.id


async def leave(tx: Transaction, flow_id: Id) -> bool:
    """Some of what belongs to the flow belongs to none from now on; whether more is left."""
    generations = await tx.lock(Generation, AT_ONCE, flow_id=flow_id)
    images = await tx.lock(Image, AT_ONCE, flow_id=flow_id)
    belong: list[Image | Generation] = [*generations, *images]
    for one in belong:
        one.flow_id = None
        tx.record(one.changed())
    tx.save(*generations)
    tx.save(*images)
    return AT_ONCE in {len(generations), len(images)}
