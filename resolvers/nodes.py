"""Anything by its id."""

from typing import Any

from domain.ids import Id
from resolvers.context import Info


async def node(info: Info, id: Id) -> Any:
    return await info.context.reads.any_node(info.context.actor, id)
