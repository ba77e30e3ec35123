"""Assets: what is kept for reuse."""

from domain.assets import Asset
from domain.ids import Id
from resolvers.context import Info


async def asset(info: Info, id: Id) -> Asset | None:
    return await info.context.reads.one(Asset, info.context.actor, id=id)
