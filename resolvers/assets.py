"""Assets: what is kept for reuse."""

from domain.assets import Asset, CreateAsset, UpdateAsset
from domain.ids import Id
from resolvers.context import Info
from resolvers.payloads import AssetPayload


async def asset(info: Info, id: Id) -> Asset | None:
    return await info.context.reads.one(Asset, info.context.actor, id=id)


async def create_asset(info: Info, input: CreateAsset) -> AssetPayload:
    return AssetPayload(input.client_mutation_id, await info.context.execute(input))


async def update_asset(info: Info, input: UpdateAsset) -> AssetPayload:
    return AssetPayload(input.client_mutation_id, await info.context.execute(input))
