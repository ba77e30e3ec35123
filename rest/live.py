"""Live URLs: the image is in the address, generated at the first visit and shown at every other."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakValueDictionary

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.generations import Generation, GenerationStatus
from domain.ids import Id
from domain.live_scope_commands import require_scope_slug
from domain.live_urls import REFUSED, VISITS_PER_HOUR, RequestLiveImage, VisitLimit
from domain.permissions import engine_actor, visitor_actor
from domain.ports import Begin
from gateway.metering import Meter, address_of
from rest.delivery import Delivery, File, Headers
from rest.live_asking import Gate, Visit, read_live_url
from rest.live_instead import FOR_EVERY_PAGE, instead_of
from rest.waiting import Waiting
from storage.live_images import Found, LiveImages
from storage.reads import Reads

WAIT_SECONDS = 60
RETRY_AFTER_SECONDS = 5
MOST_BEGINNING = 4

_A_YEAR, _OF_THE_KEY = b"public, max-age=31536000", b"private, max-age=31536000"
_KEYS = b"X-API-Key, Authorization, X-Project-Id"


@dataclass(frozen=True, slots=True)
class Made:
    """An image that was not there at once, the generation that made it, and how its visitor's hour stands."""

    image: File
    image_id: Id
    generation_id: Id
    limit: VisitLimit | None


@dataclass(frozen=True, kw_only=True)
class LiveUrls:
    images: LiveImages
    reads: Reads
    begin: Begin
    waiting: Waiting
    delivery: Delivery
    meter: Meter
    gate: Gate
    _beginning: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_BEGINNING))
    _turns: "WeakValueDictionary[str, asyncio.Lock]" = field(default_factory=WeakValueDictionary)

    def routes(self) -> list[Route]:
        return [Route("/cdn/{organization}/{project}/live/{scope}", _Visited(self), methods=["GET"])]

    async def show(self, scope: Scope, send: Send, visit: Visit) -> None:
        """
        Answer with the image; what is there already is neither counted nor limited.

        Raises what keeps it from being generated, unless the scope shows something else in its stead.
        """
        found = await self.images.find(visit.organization, visit.project, visit.scope, visit.url.key)
        if found.image is not None:
            told = [(b"x-cache-status", b"HIT"), (b"x-image-id", found.image.id.encode()), *_of_scope(visit)]
            await self.delivery.send(scope, send, found.image, told)
            return
        await visit.count()
        _require_there(found)
        if scope["method"] == "HEAD":
            raise DomainError(ErrorCode.IMAGE_NOT_FOUND, "This image was not generated yet: GET has it generated")
        try:
            made = await self._made(visit)
        except DomainError as error:
            instead = await instead_of(self.images, await self._found(visit), visit.url, error)
            await instead.send(self.delivery, scope, send, visit.scope)
            return
        await self.delivery.send(scope, send, made.image, _told(visit, made))

    async def _found(self, visit: Visit) -> Found:
        return _require_there(await self.images.find(visit.organization, visit.project, visit.scope, visit.url.key))

    async def _made(self, visit: Visit) -> Made:
        # Of all who ask this process at once one asks the database; the others find that it has.
        turn = self._turns.setdefault(f"{visit.organization}/{visit.project}/{visit.scope}/{visit.url.key}", _Turn())
        async with turn:
            generation, limit = await self._begun(visit, await self._found(visit))
        house = engine_actor(generation.organization_id, visit.trace_id)
        _require_made(await self.waiting.for_end(generation, house, WAIT_SECONDS))
        image = (await self._found(visit)).image
        if image is None:
            raise DomainError(ErrorCode.IMAGE_NOT_FOUND, "The image was deleted just now")
        return Made(image, image.id, generation.id, limit)

    async def _begun(self, visit: Visit, found: Found) -> tuple[Generation, VisitLimit | None]:
        """The generation, begun by this visit or by another."""
        organization_id, project_id = Id(str(found.organization_id)), Id(str(found.project_id))
        if found.generation_id is not None and (found.image is not None or found.is_under_way):
            house = engine_actor(organization_id, visit.trace_id)
            known = await self.reads.one(Generation, house, id=found.generation_id)
            if known is not None:
                return known, await self.images.limit_of(visit.address)
        if visit.address is not None:
            self.gate.require_open(visit, found)
        command = RequestLiveImage(project_id=project_id, scope=visit.scope, url=visit.url, address=visit.address)
        async with self._beginning:  # they wait for each other in the database, and not with all its connections
            answer = await execute(self.begin, visitor_actor(organization_id, project_id, visit.trace_id), command)
        return answer.generation, answer.limit


class _Turn(asyncio.Lock):
    """Forgotten once nobody waits for it."""


@dataclass(frozen=True, eq=False)
class _Visited:
    live: LiveUrls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = scope["path_params"]
        require_scope_slug(named["scope"], "scope")
        url, signature = read_live_url(scope["query_string"])
        visit = Visit(
            named["organization"],
            named["project"],
            named["scope"],
            url,
            address_of(scope),
            scope["state"]["trace_id"],
            partial(self.live.meter.visit, scope),
            signature,
        )
        await self.live.show(scope, send, visit)


def _require_there(found: Found) -> Found:
    if found.organization_id is None:
        raise DomainError(ErrorCode.ORG_NOT_FOUND, "There is no organization with this slug")
    if found.project_id is None:
        raise DomainError(ErrorCode.PROJECT_NOT_FOUND, "The organization has no project with this slug")
    return found


def _of_scope(visit: Visit) -> Headers:
    """What a key was shown is for nobody else's cache."""
    if not visit.is_public:
        return [(b"cache-control", _OF_THE_KEY), (b"vary", _KEYS), (b"x-scope", visit.scope.encode())]
    return [(b"cache-control", _A_YEAR), (b"x-scope", visit.scope.encode()), *FOR_EVERY_PAGE]


def _told(visit: Visit, made: Made) -> Headers:
    told = [
        (b"x-cache-status", b"MISS"),
        (b"x-generation-id", made.generation_id.encode()),
        (b"x-image-id", made.image_id.encode()),
        *_of_scope(visit),
    ]
    if made.limit is not None:
        told += [
            (b"x-ratelimit-limit", b"%d" % VISITS_PER_HOUR),
            (b"x-ratelimit-remaining", b"%d" % made.limit.remaining),
            (b"x-ratelimit-reset", b"%d" % made.limit.reset_seconds),
        ]
    return told


def _require_made(generation: Generation) -> None:
    if not generation.is_finished:
        message = "The image is still being generated: try again shortly"
        raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=RETRY_AFTER_SECONDS)
    if generation.status is not GenerationStatus.FAILED or generation.error is None:
        return
    if generation.error.code is ErrorCode.PROVIDER_REFUSED:
        raise DomainError(generation.error.code, REFUSED, field="prompt")
    message = "The image could not be generated: try again later"
    raise DomainError(ErrorCode.INTERNAL, message, reason=generation.error.code)
