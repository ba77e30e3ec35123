"""`PUT /uploads/…`: where pictures are sent that an upload has announced, unless the object store takes them itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import DomainError, ErrorCode, InvalidInput
from gateway.forms import RECEIVE_SECONDS
from gateway.metering import Meter
from gateway.upload_urls import PATH, Allowed
from gateway.uploads import Uploads

_IN_MEMORY_BYTES = 1024 * 1024


def direct_upload_routes(uploads: Uploads, meter: Meter) -> list[Route]:
    async def put(request: Request) -> Response:
        await meter.visit(request.scope)
        allowed = uploads.urls.read(request.path_params["key"], request.query_params)
        _require_headers(request, allowed)
        async with _received(request, allowed.size_bytes) as file, uploads.turn(allowed.size_bytes):
            await uploads.objects.put(allowed.object_key, await file.read(), allowed.mime_type)
        return Response()

    return [Route(f"{PATH}/{{key:path}}", put, methods=["PUT"])]


def _require_headers(request: Request, allowed: Allowed) -> None:
    if request.headers.get("content-type") != allowed.mime_type:
        message = f"The Content-Type must be {allowed.mime_type}, as it was announced"
        raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    announced = request.headers.get("content-length")
    if announced is not None and announced != str(allowed.size_bytes):
        raise _other_size(allowed.size_bytes)


@asynccontextmanager
async def _received(request: Request, size_bytes: int) -> AsyncIterator[UploadFile]:
    """So many bytes, no more is read; what is large waits on the disk."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spooled:
        file = UploadFile(cast("BinaryIO", spooled), size=0)  # which it is, but for its type
        try:
            async with asyncio.timeout(RECEIVE_SECONDS):
                async for chunk in request.stream():
                    await file.write(chunk)
                    if (file.size or 0) > size_bytes:
                        break
        except TimeoutError as error:
            raise InvalidInput("The file took too long to arrive: send it again") from error
        if file.size != size_bytes:
            raise _other_size(size_bytes)
        await file.seek(0)
        yield file


def _other_size(size_bytes: int) -> InvalidInput:
    return InvalidInput(f"Send the file of {size_bytes:,} bytes that was announced", field="fileSize")
