"""The bytes of images: at their own unguessable address, and where pages show them from."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from domain.errors import DomainError, ErrorCode
from domain.images import Image
from domain.ports import ObjectStore
from gateway.metering import Meter
from storage.public_images import PublicImages

A_YEAR_SECONDS = 31_536_000
# What is served was uploaded by somebody: it may be shown, and nothing else.
_SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


def file_routes(images: PublicImages, objects: ObjectStore, meter: Meter) -> list[Route]:
    async def stored(request: Request) -> Response:
        await meter.visit(request.scope)
        image = await images.by_storage_key(request.path_params["key"])
        return await _answer(request, image, objects, "private, no-cache")

    async def cdn(request: Request) -> Response:
        await meter.visit(request.scope)
        named = request.path_params
        image = await images.by_file_name(named["organization"], named["project"], named["file_name"])
        return await _answer(request, image, objects, f"public, max-age={A_YEAR_SECONDS}")

    return [Route("/storage/{key:path}", stored), Route("/cdn/{organization}/{project}/img/{file_name}", cdn)]


async def _answer(request: Request, image: Image | None, objects: ObjectStore, cache_control: str) -> Response:
    if image is None or image.deleted_at is not None:
        raise DomainError(ErrorCode.IMAGE_NOT_FOUND, "There is no image at this address")
    etag = f'"{image.file_hash}"'
    headers = {"ETag": etag, "Cache-Control": cache_control, **_SAFE}
    if _has(etag, request.headers.getlist("if-none-match")):
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(image.file_size)
    if request.method == "HEAD":
        return Response(headers=headers, media_type=image.mime_type)
    chunks = objects.stream(image.object_key)
    first = await anext(chunks, b"")  # what is wrong with the store must be said before the answer has begun
    return StreamingResponse(_joined(first, chunks), headers=headers, media_type=image.mime_type)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _has(etag: str, known: list[str]) -> bool:
    """Whether `If-None-Match` names these bytes, `W/` or not (RFC 9110, 13.1.2)."""
    named = [tag.strip().removeprefix("W/") for tags in known for tag in tags.split(",")]
    return etag in named or named == ["*"]
