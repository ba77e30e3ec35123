"""What a route can do: look at one thing, list some, resolve an alias, give a command, remove something."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from domain.aliases import AliasScope, require_written
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.live_scope_commands import require_scope_slug
from domain.live_scopes import LiveScope
from domain.naming import meanings
from domain.permissions import Actor
from domain.ports import Command
from rest.api_v1 import shapes
from rest.api_v1.house import Here, House
from rest.api_v1.queries import asked_of, read_id, wanted_by, wants_deleted, window_of
from rest.api_v1.shapes import Shape
from rest.api_v1.telling import all_told, told
from rest.commands import command_from, json_of
from storage.answers import KeptResponse
from storage.missing import not_found
from storage.pages import Listed

JSON = "application/json"


class Action(Protocol):
    async def __call__(self, house: House, request: Request, actor: Actor, status: int, /) -> Response: ...


@dataclass(frozen=True, slots=True)
class One:
    """The thing that the path names."""

    kind: type

    async def __call__(self, house: House, request: Request, actor: Actor, status: int) -> Response:
        here = await house.here(request, actor)
        return answer(await told(here, await found(here, self.kind)), status)


class Listing:
    """Some of these, newest first: of the whole project, or of the thing that the path names."""

    def __init__(self, kind: type, *queries: str, of: type | None = None) -> None:
        self.kind = kind
        self.of = of
        self.queries = (*queries, "limit", "offset")

    async def __call__(self, house: House, request: Request, actor: Actor, status: int) -> Response:
        here = await house.here(request, actor)
        asked = asked_of(request, self.queries)
        limit, offset = window_of(asked)
        wanted = {"project_id": here.place.project_id, **_living(self.kind, wants_deleted(asked)), **wanted_by(asked)}
        if self.of is not None:
            wanted["flow_id"] = (await found(here, self.of)).id
        listed: Listed[Any] = await here.reads.listed(self.kind, here.actor, limit=limit, offset=offset, **wanted)
        has_more = offset + len(listed.rows) < listed.total
        pagination = {"limit": limit, "offset": offset, "total": listed.total, "hasMore": has_more}
        return answer({"data": await all_told(here, listed.rows), "pagination": pagination}, status)


async def resolve(house: House, request: Request, actor: Actor, status: int, /) -> Response:
    """What an alias means in the project, or in one of its flows."""
    here = await house.here(request, actor)
    alias, asked = require_written(request.path_params["alias"]), asked_of(request, ("flowId",))
    flow_id = read_id(asked["flowId"], "flowId") if "flowId" in asked else None
    known = await meanings(here.reads.seen_by(here.actor), here.place.project_id, alias, flow_id)
    if not known:
        raise DomainError(ErrorCode.ALIAS_NOT_FOUND, f"No image here is called {alias}", field="alias")
    scope, image = next(iter(known.items()))
    in_flow = flow_id if scope is AliasScope.FLOW else None
    return answer(shapes.resolution(alias, scope, in_flow, image.id, await told(here, image)), status)


@dataclass(frozen=True)
class Change:
    """
    Give the command: fields that the path names, and the body's. Its answer is what it made or changed.

    `reworded` makes the command's values of a body that is written another way.
    """

    command: type[Command[Any]]
    reworded: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict

    async def __call__(self, house: House, request: Request, actor: Actor, status: int) -> Response:
        body = {} if request.method == "DELETE" else await json_of(request)
        here = await house.here(request, actor, body.get("projectId"))
        named = await self._named(here)
        command = command_from(request, self.command, self.reworded(body), named=named, unsaid=_UNSAID)
        return await house.repeats.answer(here.actor, command, partial(self.given, here, command, status))

    async def _named(self, here: Here) -> dict[str, Any]:
        """The fields that the path names; commands that do not know slugs get the id of what has it."""
        path = dict(here.request.path_params)
        if "slug" in path and all(field.name != "slug" for field in fields(self.command)):
            return {"id": (await found(here, LiveScope)).id}
        return path

    async def given(self, here: Here, command: Command[Any], status: int) -> KeptResponse:
        result = await execute(here.house.begin, here.actor, command)
        return kept(status, await self.shape(here, result), location(here, result) if status == 201 else {})

    async def shape(self, here: Here, result: Any) -> Shape:
        return await told(here, result)


class Remove(Change):
    """Give a command that removes what the path names."""

    async def shape(self, here: Here, result: Any) -> Shape:
        return shapes.removed(Id(result if isinstance(result, str) else result.id))


# Versions are not told here, so nobody can expect one; what a scope shows once it is spent is said over GraphQL.
_UNSAID = ("expected_version",)


async def found(here: Here, kind: type) -> Any:
    """What the path names, where it is there. Raises its NOT_FOUND, SCOPE_INVALID_FORMAT."""
    if "slug" in here.request.path_params:
        require_scope_slug(here.request.path_params["slug"])
    named = {**here.request.path_params, **_living(kind, with_deleted=False)}
    one: Any = await here.reads.one(kind, here.actor, **named)
    if one is None:
        raise not_found(kind)
    return one


def _living(kind: type, with_deleted: bool) -> dict[str, Any]:  # noqa: FBT001 - what the caller has asked for
    can_be_deleted = any(field.name == "deleted_at" for field in fields(kind))
    return {"deleted_at": None} if can_be_deleted and not with_deleted else {}


def location(here: Here, made: Any) -> dict[str, str]:
    return {"Location": here.url(f"{here.request.url.path}/{getattr(made, 'slug', made.id)}")}


def kept(status: int, body: Shape, headers: Mapping[str, str]) -> KeptResponse:
    return KeptResponse(status, {"Content-Type": JSON, **headers}, encoded(body))


def answer(body: Shape, status: int) -> Response:
    return Response(encoded(body), status, {"Cache-Control": "no-store"}, media_type=JSON)


def encoded(body: Shape) -> str:
    return msgspec.json.encode(body).decode()
