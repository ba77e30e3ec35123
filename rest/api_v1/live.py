"""`GET /live`: an image by its prompt, generated once and found from then on, for whoever has a key."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domain.permissions import Actor, Permission
from domain.projects import Project
from rest.api_v1.house import House
from rest.live import LiveUrls
from rest.live_asking import Visit, read_live_url

SCOPE = "api:live"
"""The live scope of what is asked for this way: no live URL can name it, and its budget is the key's."""


async def live(house: House, request: Request, actor: Actor, status: int, /) -> Response:
    here = await house.here(request, actor)
    here.actor.require(Permission.RUNS_START)
    url, _ = read_live_url(request.scope["query_string"])
    place = here.place
    count = partial(house.starts.count, here.actor, Project, place.project_id)
    visit = Visit(place.organization_slug, place.project_slug, SCOPE, url, None, actor.trace_id, count)
    return _Bytes(house.live, visit)


class _Bytes(Response):
    """The image, from the object store to the socket."""

    def __init__(self, live: LiveUrls, visit: Visit) -> None:
        super().__init__()
        self.live = live
        self.visit = visit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.live.show(scope, send, self.visit)
