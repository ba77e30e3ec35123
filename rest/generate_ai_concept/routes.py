"""The table of `/api/generate_ai_concept`: which address does what."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import DomainError
from domain.permissions import Actor
from gateway.limits import RateLimited
from gateway.metering import tell
from rest.generate_ai_concept.bodies import as_written
from rest.generate_ai_concept.bringing import match, upload
from rest.generate_ai_concept.changing import cancel, mode, resume, retry
from rest.generate_ai_concept.downloads import manifest, pictures
from rest.generate_ai_concept.house import PREFIX, House
from rest.generate_ai_concept.looking import status
from rest.generate_ai_concept.starting import start

Action = Callable[[House, Request, Actor], Awaitable[Response]]

# fmt: off
ROWS: tuple[tuple[str, str, Action], ...] = (
    ("POST", "",              start),
    ("GET",  "/status",       status),
    ("POST", "/retry",        retry),
    ("POST", "/cancel",       cancel),
    ("POST", "/resume",       resume),
    ("POST", "/mode",         mode),
    ("POST", "/match",        match),
    ("POST", "/upload",       upload),
    ("GET",  "/pictures.zip", pictures),
    ("GET",  "/manifest.csv", manifest),
)
# fmt: on
# Where forms may bring pictures of shots.
LARGE_FORMS = (f"{PREFIX}/upload",)


def routes_of(house: House) -> list[Route]:
    return [Route(PREFIX + path, _answering(house, action), methods=[method]) for method, path, action in ROWS]


def _answering(house: House, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await action(house, request, await house.enter(request))
        except DomainError as error:
            if isinstance(error, RateLimited):
                tell(request.scope, error.state)
            raise as_written(error) from None

    return answer
