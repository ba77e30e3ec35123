"""The ASGI application: which address answers what."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.asyncapi import asyncapi_routes
from app.console import console_routes, graphiql_page
from app.event_streams import EventStreams
from app.graphql import StudioGraphQL
from app.operations import GraphQLOperations
from app.parts import Parts
from app.sockets import Sockets
from domain.errors import DomainError, ErrorCode
from domain.live_urls import live_urls_of
from gateway.entrance import Entrance
from resolvers.streams import Usher
from rest import generate_ai_concept
from rest.api_v1 import House, routes_of
from rest.cdn import Cdn
from rest.delivery import Delivery
from rest.direct_uploads import direct_upload_routes
from rest.generate import GenerationJobs
from rest.generate_ai_concept.bodies import refused
from rest.health import health_routes
from rest.live import LiveUrls
from rest.live_asking import Gate
from rest.problems import problem, refusal
from rest.repeats import Repeats
from rest.variants import Variants
from rest.waiting import Waiting
from schema import schema
from storage.idempotency import KeptResponses
from storage.image_variants import ImageVariants
from storage.shot_pictures import ShotPictures
from streams.sockets.conversation import Lobby
from streams.topics.topic import Topics

DIST = Path(__file__).parent.parent / "console" / "dist"


_FAILURE = DomainError(ErrorCode.INTERNAL, "Something went wrong on our side")


def create_app(parts: Parts) -> ASGIApp:
    settings = parts.settings
    graphql = StudioGraphQL(parts.studio, parts.identity)

    async def graphql_or_page(request: Request) -> Response:
        if request.method == "GET" and "query" not in request.query_params and _is_browser(request):
            return graphiql_page(DIST)
        response: Response = await graphql.run(request)
        return response

    sockets, event_streams = _streams(parts)
    paths, live_urls, cdn = ("/graphql", "/v1/graphql"), _live_urls(parts), _cdn(parts)
    app = Starlette(
        middleware=[_cors(settings.allowed_origins)] if settings.allowed_origins else [],
        routes=[
            *(Route(path, graphql_or_page, methods=["GET", "POST"]) for path in paths),
            Route("/v1/streams", event_streams.answer, methods=["GET", "POST"]),
            *asyncapi_routes(parts.studio.public_url),
            *console_routes(DIST),
            *cdn.routes(),
            *live_urls.routes(),
            *direct_upload_routes(parts.studio.uploads, parts.studio.meter),
            *_generation_jobs(parts).routes(),
            *routes_of(_house(parts, live_urls)),
            *generate_ai_concept.routes_of(_shots(parts)),
            *health_routes(parts.credentials.ping),
            Route("/", _home),
        ],
        exception_handlers={404: _unknown_path, 405: _wrong_method, DomainError: _refused, Exception: _failed},
    )
    app.router.redirect_slashes = False  # an address that is not there is none, whatever it resembles
    larger = dict.fromkeys((*paths, *generate_ai_concept.LARGE_FORMS), settings.shot_max_bytes)
    return Entrance(sockets.before(cdn.before(app)), settings.most_body_bytes, settings.trusted_proxies, larger)


def _streams(parts: Parts) -> tuple[Sockets, EventStreams]:
    operations, topics = GraphQLOperations(schema, parts.studio), Topics()
    lobby = Lobby(
        door=parts.identity,
        attendance=parts.attendance,
        topics=topics,
        rooms=parts.studio.rooms,
        init_seconds=parts.settings.socket_init_seconds,
    )
    sockets = Sockets(lobby, parts.identity, operations, Usher(parts.studio), parts.settings.allowed_origins)
    return sockets, EventStreams(parts.identity, operations, topics, parts.attendance)


def _cdn(parts: Parts) -> Cdn:
    settings = parts.settings
    return Cdn(
        images=parts.images,
        delivery=Delivery(parts.objects),
        variants=Variants(ImageVariants(parts.engine, settings.cdn_variants_per_image), parts.objects),
        meter=parts.studio.meter,
        alias_seconds=settings.cdn_alias_max_age_seconds,
        sizes=frozenset(settings.cdn_sizes),
    )


def _generation_jobs(parts: Parts) -> GenerationJobs:
    studio = parts.studio
    return GenerationJobs(
        identity=parts.identity,
        begin=studio.begin,
        reads=studio.reads,
        waiting=Waiting(studio.reads, studio.hub, parts.stopping),
        kept=KeptResponses(parts.engine),
        meter=studio.meter,
        starts=studio.starts,
        public_url=studio.public_url,
    )


def _live_urls(parts: Parts) -> LiveUrls:
    studio = parts.studio
    return LiveUrls(
        images=studio.live_images,
        reads=studio.reads,
        begin=studio.begin,
        waiting=Waiting(studio.reads, studio.hub, parts.stopping),
        delivery=Delivery(parts.objects),
        meter=studio.meter,
        gate=Gate(parts.settings.live_blocked_words, lambda id_: studio.webhook_secret(live_urls_of(id_), 1)),
    )


def _house(parts: Parts, live_urls: LiveUrls) -> House:
    studio = parts.studio
    return House(
        identity=parts.identity,
        begin=studio.begin,
        reads=studio.reads,
        waiting=Waiting(studio.reads, studio.hub, parts.stopping),
        repeats=Repeats(KeptResponses(parts.engine), refusal),
        meter=studio.meter,
        starts=studio.starts,
        live=live_urls,
        uploads=studio.uploads,
        public_url=studio.public_url,
    )


def _shots(parts: Parts) -> generate_ai_concept.House:
    studio = parts.studio
    return generate_ai_concept.House(
        identity=parts.identity,
        begin=studio.begin,
        reads=studio.reads,
        pictures=ShotPictures(parts.engine),
        repeats=Repeats(KeptResponses(parts.engine), refused),
        meter=studio.meter,
        starts=studio.starts,
        uploads=studio.uploads,
        objects=parts.objects,
        public_url=studio.public_url,
    )


def _cors(origins: tuple[str, ...]) -> Middleware:
    """Without credentials: who asks is said in a header, never by a cookie."""
    limits = (f"RateLimit-{name}" for name in ("Limit", "Remaining", "Reset", "Policy"))
    told = ("X-Trace-Id", "Location", "Link", "Deprecation", "Preference-Applied", "Retry-After", "Content-Disposition")
    exposed = [*told, *limits]
    return Middleware(
        CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=exposed
    )


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


async def _home(_: Request) -> Response:
    return RedirectResponse("/graphiql")


async def _unknown_path(request: Request, _: Exception) -> Response:
    return _error(request, DomainError(ErrorCode.NOT_FOUND, "Nothing is at this address"))


async def _wrong_method(request: Request, error: Exception) -> Response:
    answer = _error(request, DomainError(ErrorCode.METHOD_NOT_ALLOWED, f"{request.method} is not possible here"))
    answer.headers.update(getattr(error, "headers", None) or {})  # Allow
    return answer


async def _refused(request: Request, error: Exception) -> Response:
    return _error(request, error if isinstance(error, DomainError) else _FAILURE)


async def _failed(request: Request, _: Exception) -> Response:
    return _error(request, _FAILURE)


def _error(request: Request, error: DomainError) -> Response:
    if request.scope["path"].removeprefix("/v1").startswith("/generate"):
        return problem(error, request.scope["state"]["trace_id"])
    return refusal(error, request.scope["state"]["trace_id"])
