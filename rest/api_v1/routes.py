"""The table of `/api/v1`: which address does what, and with which status it answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import DomainError, InvalidInput
from domain.flow_commands import CreateFlow, DeleteFlow, RemoveFlowAlias, SetFlowAliases
from domain.flows import Flow
from domain.generation_commands import (
    CreateGeneration,
    DeleteGeneration,
    RegenerateFlow,
    RegenerateGeneration,
    UpdateGeneration,
)
from domain.generations import Generation
from domain.image_commands import AssignImageAlias, DeleteImage, UpdateImage
from domain.images import Image
from domain.live_scope_commands import CreateLiveScope, DeleteLiveScope, RegenerateLiveScope, UpdateLiveScope
from domain.live_scopes import LiveScope
from gateway.limits import RateLimited
from gateway.metering import tell
from rest.api_v1.actions import Action, Change, Listing, One, Remove, resolve
from rest.api_v1.house import PREFIX, House
from rest.api_v1.live import live
from rest.api_v1.making import Deprecated, Make, StartAgain
from rest.api_v1.queries import DELETED
from rest.api_v1.uploading import upload
from rest.repeats import as_sent


@dataclass(frozen=True, slots=True)
class Row:
    method: str
    path: str
    action: Action
    status: int = 200


def _named_images(body: Mapping[str, Any]) -> dict[str, Any]:
    """`{"@hero": imageId}` as the command has it."""
    aliases = body.get("aliases")
    if aliases is None:
        return dict(body)
    if not isinstance(aliases, dict):
        raise InvalidInput("aliases must be an object of aliases and the ids of their images", field="aliases")
    return {**body, "aliases": [{"alias": alias, "image_id": id_} for alias, id_ in aliases.items()]}


_RETRY = Deprecated(Make(RegenerateGeneration), successor="/generations/{id}/regenerate")
# fmt: off
ROWS = (
    Row("POST",   "/generations",                 Make(CreateGeneration), 201),
    Row("GET",    "/generations",                 Listing(Generation, "flowId", "status", DELETED)),
    Row("GET",    "/generations/{id}",            One(Generation)),
    Row("PUT",    "/generations/{id}",            Make(UpdateGeneration, only_with=("prompt", "aspect_ratio"))),
    Row("DELETE", "/generations/{id}",            Remove(DeleteGeneration)),
    Row("POST",   "/generations/{id}/regenerate", Make(RegenerateGeneration)),
    Row("POST",   "/generations/{id}/retry",      _RETRY),

    Row("POST",   "/flows",                       Change(CreateFlow), 201),
    Row("GET",    "/flows",                       Listing(Flow)),
    Row("GET",    "/flows/{id}",                  One(Flow)),
    Row("DELETE", "/flows/{id}",                  Remove(DeleteFlow)),
    Row("GET",    "/flows/{id}/generations",      Listing(Generation, of=Flow)),
    Row("GET",    "/flows/{id}/images",           Listing(Image, of=Flow)),
    Row("PUT",    "/flows/{id}/aliases",          Change(SetFlowAliases, _named_images)),
    Row("DELETE", "/flows/{id}/aliases/{alias}",  Change(RemoveFlowAlias)),
    Row("POST",   "/flows/{id}/regenerate",       Make(RegenerateFlow)),

    Row("POST",   "/images/upload",               upload, 201),
    Row("GET",    "/images",                      Listing(Image, "flowId", "source", "alias", DELETED)),
    Row("GET",    "/images/resolve/{alias}",      resolve),
    Row("GET",    "/images/{id}",                 One(Image)),
    Row("PUT",    "/images/{id}",                 Change(UpdateImage)),
    Row("DELETE", "/images/{id}",                 Remove(DeleteImage)),
    Row("PUT",    "/images/{id}/alias",           Change(AssignImageAlias)),

    Row("GET",    "/live",                        live),
    Row("POST",   "/live/scopes",                 Change(CreateLiveScope), 201),
    Row("GET",    "/live/scopes",                 Listing(LiveScope, "slug")),
    Row("GET",    "/live/scopes/{slug}",          One(LiveScope)),
    Row("PUT",    "/live/scopes/{slug}",          Change(UpdateLiveScope)),
    Row("DELETE", "/live/scopes/{slug}",          Remove(DeleteLiveScope)),
    Row("POST",   "/live/scopes/{slug}/regenerate", StartAgain(RegenerateLiveScope)),
)
# fmt: on


def routes_of(house: House) -> list[Route]:
    """One for each path, so that a wrong method is told all the right ones."""
    by_path = groupby(ROWS, key=lambda row: row.path)
    return [_route(house, path, {row.method: row for row in rows}) for path, rows in by_path]


def _route(house: House, path: str, rows: Mapping[str, Row]) -> Route:
    return Route(PREFIX + path, _answering(house, rows), methods=[*rows])


def _answering(house: House, rows: Mapping[str, Row]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        row = rows["GET" if request.method == "HEAD" else request.method]
        try:
            return await row.action(house, request, await house.enter(request), row.status)
        except DomainError as error:
            if isinstance(error, RateLimited):
                tell(request.scope, error.state)
            raise as_sent(error) from None

    return answer
