"""Anything by its id."""

from typing import Any

from domain.ids import Id
from resolvers.announcements import announcement_of
from resolvers.context import Info


async def node(info: Info, id: Id) -> Any:
    found = await info.context.reads.any_node(info.context.actor, id)
    return await announcement_of(info.context, id) if found is None else found
