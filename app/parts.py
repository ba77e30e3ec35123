"""The composition root: the only module that knows every part and how they fit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from app.back_ends import BackEnds, open_back_ends
from app.secret_files import read_secrets
from app.settings import Settings
from app.stream_parts import StreamParts, end, open_attendance, open_streams
from domain.errors import InvalidInput
from domain.kinds import KINDS
from domain.offers import Offers
from domain.ports import ObjectStore
from engine.outbound import Reach, Undelivered
from engine.toolbox import EngineToolbox
from engine.webhook_signatures import secret_of
from gateway.attempts import Attempts
from gateway.flags import StudioFlags, read_flags
from gateway.identity import Identity, Secrets
from gateway.jwks import Jwks
from gateway.key_uses import KeyUses
from gateway.keys import mint
from gateway.limits import open_limiter
from gateway.metering import Allowances, Meter
from gateway.starts import Starts
from gateway.tokens import Issuer, Tokens
from gateway.upload_urls import UploadUrls
from gateway.uploads import Uploads
from resolvers.studio import Studio
from storage.credentials import Credentials
from storage.discarded import NotYetNeeded
from storage.leases import Leases
from storage.live_images import LiveImages
from storage.migrate import migrate
from storage.objects.files import FileObjects
from storage.pool import create_engine
from storage.public_images import PublicImages
from storage.reads import Reads
from storage.transaction import Database, World
from storage.turns import Limits, Turns, know_providers
from streams.sockets.attendance import Attendance


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a running server is made of."""

    settings: Settings
    secrets: Secrets
    database_url: str
    engine: AsyncEngine
    database: Database
    leases: Leases
    credentials: Credentials
    identity: Identity
    attendance: Attendance
    images: PublicImages
    objects: ObjectStore
    toolbox: EngineToolbox
    turns: Turns
    studio: Studio
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def open_parts(settings: Settings, database_url: str, url: str) -> AsyncIterator[Parts]:
    """Everything connected and the database at its newest schema; `url` is how the outside reaches this server."""
    async with AsyncExitStack() as stack:
        secrets = read_secrets(settings)
        engine = create_engine(database_url, connections=settings.database_connections)
        stack.push_async_callback(engine.dispose)
        await migrate(engine)
        # Leases are renewed over connections of their own: no load on the API may cost a worker its steps. A turn or a
        # renewal that a crash forgets is given or made again.
        pulse = create_engine(database_url, connections=2, wait_seconds=settings.lease_seconds / 3, durable=False)
        turning = create_engine(database_url, connections=2, durable=False)
        stack.push_async_callback(pulse.dispose)
        stack.push_async_callback(turning.dispose)
        streams = await open_streams(stack, engine, database_url, settings, secrets.cursor_key)
        objects = await _objects(settings)
        back_ends = open_back_ends(settings, stack)
        await know_providers(engine, back_ends.offers.providers)
        shown, live = PublicImages(database_url), LiveImages(database_url)
        for pictures in (shown, live):
            stack.push_async_callback(pictures.close)
        meter = await _meter(settings, stack)
        database, studio = _studio(engine, streams, settings, secrets, url, back_ends.offers, meter, objects, live)
        identity = _identity(credentials := Credentials(engine), secrets, settings, meter, stack)
        yield Parts(
            settings=settings,
            secrets=secrets,
            database_url=database_url,
            engine=engine,
            database=database,
            leases=Leases(pulse),
            credentials=credentials,
            identity=identity,
            attendance=open_attendance(stack, identity, settings),
            images=shown,
            objects=objects,
            toolbox=_toolbox(back_ends, objects, studio, settings),
            turns=Turns(turning, _limits(settings, studio.offers)),
            studio=studio,
        )


def _toolbox(back_ends: BackEnds, objects: ObjectStore, studio: Studio, settings: Settings) -> EngineToolbox:
    return EngineToolbox(
        image_provider=back_ends.images,
        text_provider=back_ends.texts,
        graph_provider=back_ends.graphs,
        objects=objects,
        reads=studio.reads,
        flags=studio.flags,
        max_pixels=settings.image_max_pixels,
    )


def _studio(
    engine: AsyncEngine,
    streams: StreamParts,
    settings: Settings,
    secrets: Secrets,
    url: str,
    offers: Offers,
    meter: Meter,
    objects: ObjectStore,
    live_images: LiveImages,
) -> tuple[Database, Studio]:
    reads = Reads(engine)
    world = _world(settings, secrets, url, offers)
    database = Database(engine, streams.announcer.tell, world)
    return database, Studio(
        begin=database.begin,
        reads=reads,
        events=streams.events,
        announcements=streams.announcements,
        hub=streams.hub,
        rooms=streams.rooms,
        deliveries=streams.deliveries,
        cursors=streams.cursors,
        offers=offers,
        flags=world.flags,
        meter=meter,
        starts=Starts(reads, meter),
        live_images=live_images,
        uploads=_uploads(database, reads, objects, secrets, settings),
        public_url=url,
        webhook_secret=world.webhook_secret,
    )


def _world(settings: Settings, secrets: Secrets, url: str, offers: Offers) -> World:
    return World(
        offers=offers,
        flags=StudioFlags(read_flags(settings.flags_file)),
        public_url=url,
        new_key=partial(mint, secrets.pepper),
        webhook_secret=partial(secret_of, secrets.webhook_key),
        require_callable=partial(_require_callable, reach_of(settings)),
    )


def _uploads(database: Database, reads: Reads, objects: ObjectStore, secrets: Secrets, settings: Settings) -> Uploads:
    return Uploads(
        begin=database.begin,
        reads=reads,
        objects=objects,
        unneeded=NotYetNeeded(database.engine),
        urls=UploadUrls(secrets.upload_key, database.world.public_url),
        max_pixels=settings.image_max_pixels,
        shot_bytes=settings.shot_max_bytes,
    )


def reach_of(settings: Settings) -> Reach:
    """Where webhooks may go."""
    return Reach(allow_loopback=settings.webhook_allow_loopback, allow_hosts=settings.webhook_allow_hosts)


def _require_callable(reach: Reach, url: str, field: str) -> None:
    try:
        reach.require_written(url)
    except Undelivered as refused:
        raise InvalidInput(refused.message, field=field) from refused


def _limits(settings: Settings, offers: Offers) -> Limits:
    asks = {name: terms for name, kind in KINDS.items() if (terms := offers.of(kind))}
    return Limits(project=settings.project_steps, provider=settings.provider_steps, asks=asks)


async def _meter(settings: Settings, stack: AsyncExitStack) -> Meter:
    refuses = settings.limits_when_away == "refuse"
    limiter = await stack.enter_async_context(open_limiter(settings.redis_url, refuse_when_away=refuses))
    allowances = Allowances(
        cost=settings.cost_per_minute,
        project_requests=settings.project_requests_per_minute,
        address_requests=settings.address_requests_per_minute,
        address_failures=settings.address_failures_per_minute,
    )
    return Meter(limiter, allowances)


def _identity(
    credentials: Credentials, secrets: Secrets, settings: Settings, meter: Meter, stack: AsyncExitStack
) -> Identity:
    issuer = None
    if settings.jwks_url and settings.jwt_issuer:
        keys = Jwks(str(settings.jwks_url))
        stack.push_async_callback(keys.close)
        issuer = Issuer(settings.jwt_issuer, settings.jwt_audience, keys)
    tokens = Tokens(secrets.token_key, issuer, settings.jwt_leeway_seconds)
    uses = KeyUses(credentials.keys_used)
    stack.push_async_callback(uses.flush)
    stack.push_async_callback(end, asyncio.create_task(uses.run()))
    return Identity(credentials, secrets, tokens, Attempts(meter), uses)


async def _objects(settings: Settings) -> ObjectStore:
    if settings.s3_endpoint is None:
        return FileObjects(settings.data_dir / "objects")
    from storage.objects.s3 import S3Objects  # noqa: PLC0415 - its client takes a while to load

    objects = S3Objects(
        str(settings.s3_endpoint),
        settings.s3_access_key,
        settings.s3_secret_key.get_secret_value(),
        settings.s3_bucket,
        region=settings.s3_region,
        public_endpoint=str(settings.s3_public_endpoint) if settings.s3_public_endpoint else None,
    )
    await objects.ensure_bucket()
    return objects
