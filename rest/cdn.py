"""The bytes of images: at their own unguessable address, and where pages show them from."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import DomainError, ErrorCode
from domain.image_variants import Wanted, asked, wanted
from gateway.metering import Meter
from rest.delivery import Delivery, Headers, for_every_page
from rest.variants import Variants
from storage.public_images import PublicImage, PublicImages, missing

A_YEAR_SECONDS = 31_536_000
OLD_HASH_SECONDS = 60
"""How long whoever asks for bytes that are no more may keep those that took their place."""

SHORTEST_HASH = 16
LONGEST_PATH = 1_024  # characters; what is longer is no image, and is told so by the routes
_A_YEAR = b"public, max-age=%d" % A_YEAR_SECONDS
LONGEST_QUERY_BYTES = 2_048
MOST_PARAMETERS = 64

_FOR_EVERY_PAGE = for_every_page(b"X-Image-Id")


@dataclass(frozen=True, kw_only=True)
class Cdn:
    """`alias_seconds` is how long caches may keep what an alias shows; `sizes` are those of variants, in pixels."""

    images: PublicImages
    delivery: Delivery
    variants: Variants
    meter: Meter
    alias_seconds: int = A_YEAR_SECONDS
    sizes: Collection[int] = ()

    def routes(self) -> list[Route]:
        return [
            Route("/cdn/{organization}/{project}/img/{name}", _Shown(self), methods=["GET"]),
            Route("/storage/{key:path}", _Stored(self), methods=["GET"]),
        ]

    def before(self, app: ASGIApp) -> ASGIApp:
        """The same, with what is asked for most often answered ahead of everything else."""
        return _First(_Shown(self), app)


@dataclass(frozen=True, eq=False)
class _First:
    """Pictures that pages show: found without a look at all other routes. What goes wrong is told by the entrance."""

    shown: "_Shown"
    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and len(scope["path"]) <= LONGEST_PATH
        named = _named(scope["path"]) if asks else None
        if named is None:
            await self.app(scope, receive, send)
        else:
            scope["path_params"] = named
            await self.shown(scope, receive, send)


@lru_cache(maxsize=4_096)
def _named(path: str) -> dict[str, str] | None:
    """The names in `/cdn/{organization}/{project}/img/{name}`; None of any other address."""
    parts = path.split("/") if path.startswith("/cdn/") else ()
    if len(parts) != 6 or parts[4] != "img" or not all(parts[2:]):
        return None
    return {"organization": parts[2], "project": parts[3], "name": parts[5]}


@dataclass(frozen=True, eq=False)
class _Stored:
    """`storageUrl`: for those it was told to, who look each time whether it is still so."""

    cdn: Cdn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.cdn.meter.visit(scope)
        try:
            await self._send(scope, send)
        except DomainError as error:
            _require_another_look(error)
            await self._send(scope, send)

    async def _send(self, scope: Scope, send: Send) -> None:
        image = await self.cdn.images.by_storage_key(scope["path_params"]["key"])
        if image is None:
            raise DomainError(ErrorCode.IMAGE_NOT_FOUND, "There is no image at this address")
        await self.cdn.delivery.send(scope, send, image, [(b"cache-control", b"private, no-cache")])


@dataclass(frozen=True, eq=False)
class _Shown:
    """An image by its file name or alias, as it is or as it is asked for."""

    cdn: Cdn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.cdn.meter.visit(scope)
        parameters = _parameters(scope["query_string"])
        try:
            await self._send(scope, send, parameters)
        except DomainError as error:
            _require_another_look(error)
            await self._send(scope, send, parameters)

    async def _send(self, scope: Scope, send: Send, parameters: dict[str, str]) -> None:
        cdn, named = self.cdn, scope["path_params"]
        image = await cdn.images.shown(named["organization"], named["project"], named["name"])
        if not _may_be_shown(image, named["name"], parameters.get("v")):
            raise missing()
        seconds = cdn.alias_seconds if named["name"].startswith("@") else A_YEAR_SECONDS
        change = _change(image, parameters, cdn.sizes) if parameters else None
        if change is None:
            told = _headers(image, _kept_for(parameters.get("v"), image.file_hash, seconds))
            await cdn.delivery.send(scope, send, image, told)
        else:
            # Another focal point makes another picture of the same bytes: never `immutable`.
            told = _headers(image, _kept_for(None, image.file_hash, seconds))
            await self._send_variant(scope, send, image, change, told)

    async def _send_variant(
        self, scope: Scope, send: Send, image: PublicImage, change: Wanted, headers: Headers
    ) -> None:
        variant = await self.cdn.variants.get(image, change)
        try:
            await self.cdn.delivery.send(scope, send, variant, headers)
        except DomainError as error:
            if error.code is ErrorCode.NOT_FOUND:
                await self.cdn.variants.forget(image, change, variant)
            raise


def _require_another_look(error: DomainError) -> None:
    """An image may have got other bytes since its row was read: then those it had are gone, and the row tells more."""
    if error.code is not ErrorCode.NOT_FOUND:
        raise error


def _may_be_shown(image: PublicImage, name: str, hash_: str | None) -> bool:
    """Who asks by a name that others can guess, as those of film shots, has to know the picture's hash too."""
    return name.startswith(("@", f"{image.id}.")) or (hash_ is not None and _is_of(hash_, image.file_hash))


def _change(image: PublicImage, parameters: dict[str, str], sizes: Collection[int]) -> Wanted | None:
    as_asked = asked(parameters, sizes)
    if as_asked is None:
        return None
    return wanted(as_asked, (image.width, image.height), image.mime_type, image.focal_point)


def _parameters(query: bytes) -> dict[str, str]:
    """What is said twice counts as it was said last; what says nothing here is not looked at."""
    if not query:
        return {}
    if len(query) > LONGEST_QUERY_BYTES:
        raise _too_much()
    try:
        return dict(parse_qsl(query.decode("latin-1"), max_num_fields=MOST_PARAMETERS))
    except ValueError as error:
        raise _too_much() from error


def _too_much() -> DomainError:
    message = f"The address has too many parameters: {MOST_PARAMETERS} and {LONGEST_QUERY_BYTES:,} bytes are the most"
    return DomainError(ErrorCode.VALIDATION_ERROR, message)


def _kept_for(hash_: str | None, of_bytes: str, seconds: int) -> bytes:
    """How long caches may keep the answer to `?v=<hash>`, or to an address without one."""
    if hash_ is None:
        return _A_YEAR if seconds == A_YEAR_SECONDS else b"public, max-age=%d" % seconds
    if _is_of(hash_, of_bytes):
        return b"public, max-age=%d, immutable" % A_YEAR_SECONDS
    return b"public, max-age=%d" % min(OLD_HASH_SECONDS, seconds)


def _is_of(hash_: str, of_bytes: str) -> bool:
    return len(hash_) >= SHORTEST_HASH and of_bytes.startswith(hash_)


def _headers(image: PublicImage, cache_control: bytes) -> Headers:
    return [(b"cache-control", cache_control), (b"x-image-id", image.id.encode()), *_FOR_EVERY_PAGE]
