"""How what was left of something large goes, part after part."""

from dataclasses import dataclass

from domain.flow_commands import leave
from domain.ids import Id
from domain.leftovers import Leftover, LeftoverOf
from domain.live_scope_commands import clear
from domain.permissions import Actor
from domain.ports import Command, Transaction


@dataclass(kw_only=True)
class ClearLeftover(Command[bool]):
    """Do away with the next part; whether more is left."""

    id: Id


async def clear_leftover(tx: Transaction, actor: Actor, command: ClearLeftover) -> bool:
    leftover = await tx.get(Leftover, command.id, lock=True)
    match leftover.of:
        case LeftoverOf.FLOW:
            more = await leave(tx, leftover.id)
        case LeftoverOf.LIVE_SCOPE:
            more = await clear(tx, actor, leftover.id)
    if not more:
        tx.remove(leftover)
    return more
