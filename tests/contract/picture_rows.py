"""A command of each kind about images, and what they come from."""

from collections.abc import Awaitable, Callable
from typing import Any

from domain.clearing import ClearLeftover
from domain.flow_commands import CreateFlow, DeleteFlow, FlowAlias, RemoveFlowAlias, SetFlowAliases
from domain.generation_commands import (
    CreateGeneration,
    DeleteGeneration,
    RegenerateFlow,
    RegenerateGeneration,
    UpdateGeneration,
)
from domain.ids import Id, new_id
from domain.image_commands import AssignImageAlias, DeleteImage, UpdateImage
from domain.leftovers import Leftover, LeftoverOf
from domain.live_scope_commands import CreateLiveScope, DeleteLiveScope, RegenerateLiveScope, UpdateLiveScope
from domain.live_urls import LiveUrl, RequestLiveImage
from domain.permissions import engine_actor
from domain.ports import Command
from domain.uploading import CompleteImageUpload, CreateImageUpload, UploadImage
from tests.contract.studio_rows import (
    a_flow,
    a_generation,
    a_live_scope,
    an_image,
    an_upload,
    stored,
)
from tests.studio import Tenant

Build = Callable[[Tenant], Awaitable[Command[Any]]]


def made(build: Callable[[Tenant], Command[Any]]) -> Build:
    async def made(one: Tenant) -> Command[Any]:
        return build(one)

    return made


def _of_image(command: Callable[[Id], Command[Any]]) -> Build:
    async def build(one: Tenant) -> Command[Any]:
        return command((await an_image(one)).id)

    return build


def _of_flow(command: Callable[[Id, Id], Command[Any]]) -> Build:
    async def build(one: Tenant) -> Command[Any]:
        flow, image = await a_flow(one)
        return command(flow.id, image.id)

    return build


def _of_generation(command: Callable[[Id], Command[Any]]) -> Build:
    async def build(one: Tenant) -> Command[Any]:
        return command((await a_generation(one)).id)

    return build


async def _regenerate_flow(one: Tenant) -> RegenerateFlow:
    generation = await a_generation(one, flow_alias="@begin")
    assert generation.flow_id is not None
    return RegenerateFlow(id=generation.flow_id)


def _of_scope(command: Callable[[Id], Command[Any]]) -> Build:
    async def build(one: Tenant) -> Command[Any]:
        return command((await a_live_scope(one)).id)

    return build


async def _request_live_image(one: Tenant) -> RequestLiveImage:
    scope = await a_live_scope(one)
    url = LiveUrl(prompt="A kite")
    return RequestLiveImage(project_id=one.project_id, scope=scope.slug, url=url, address=str(new_id()))


async def _upload_image(one: Tenant) -> UploadImage:
    return UploadImage(project_id=one.project_id, sent_hash="0" * 64, stored=await stored(one))


async def _complete_image_upload(one: Tenant) -> CompleteImageUpload:
    upload = await one.do(an_upload(one))
    return CompleteImageUpload(upload_id=upload.id, stored=await stored(one))


async def _clear_leftover(one: Tenant) -> ClearLeftover:
    owner = {"organization_id": one.actor.organization_id, "project_id": one.project_id}
    left = Leftover(id=new_id(), **owner, of=LeftoverOf.FLOW)
    command = ClearLeftover(id=left.id)
    house = engine_actor(one.actor.organization_id)
    async with one.parts.database.begin(house, command, None) as transaction:
        transaction.add(left)
    return command


PICTURES: dict[type[Command[Any]], Build] = {
    CreateFlow: made(lambda one: CreateFlow(project_id=one.project_id)),
    SetFlowAliases: _of_flow(lambda id_, of: SetFlowAliases(id=id_, aliases=[FlowAlias(alias="@b", image_id=of)])),
    RemoveFlowAlias: _of_flow(lambda id_, _: RemoveFlowAlias(id=id_, alias="@hero")),
    DeleteFlow: _of_flow(lambda id_, _: DeleteFlow(id=id_)),
    CreateGeneration: made(lambda one: CreateGeneration(project_id=one.project_id, prompt="A kite")),
    UpdateGeneration: _of_generation(lambda id_: UpdateGeneration(id=id_, prompt="A boat")),
    RegenerateGeneration: _of_generation(lambda id_: RegenerateGeneration(id=id_)),
    RegenerateFlow: _regenerate_flow,
    DeleteGeneration: _of_generation(lambda id_: DeleteGeneration(id=id_)),
    CreateLiveScope: made(lambda one: CreateLiveScope(project_id=one.project_id, slug=str(new_id()))),
    UpdateLiveScope: _of_scope(lambda id_: UpdateLiveScope(id=id_, new_generations_limit=5)),
    RegenerateLiveScope: _of_scope(lambda id_: RegenerateLiveScope(id=id_)),
    DeleteLiveScope: _of_scope(lambda id_: DeleteLiveScope(id=id_)),
    RequestLiveImage: _request_live_image,
    UploadImage: _upload_image,
    CreateImageUpload: made(an_upload),
    CompleteImageUpload: _complete_image_upload,
    UpdateImage: _of_image(lambda id_: UpdateImage(id=id_, meta={"seen": True})),
    AssignImageAlias: _of_image(lambda id_: AssignImageAlias(id=id_, alias="@logo")),
    ClearLeftover: _clear_leftover,
    DeleteImage: _of_image(lambda id_: DeleteImage(id=id_)),
}
