"""Forms with files (multipart/form-data), read within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.image_uploads import MOST_FILE_BYTES, require_file_size
from gateway.entrance import TooLarge

MULTIPART = "multipart/form-data"
MOST_FIELD_BYTES = 256 * 1024
RECEIVE_SECONDS = 120.0
# Whoever announces a large form has as much longer as it takes at this rate.
SLOWEST_BYTES_PER_SECOND = 256 * 1024


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == MULTIPART


@asynccontextmanager
async def form_of(request: Request, *, most_files: int, most_fields: int) -> AsyncIterator[FormData]:
    """
    The request's form; its files are gone when the block ends.

    Raises InvalidInput for what is no form, has more parts than these, or takes too long to arrive.
    """
    if not is_form(request.headers.get("content-type", "")):
        message = f"Send a form: the Content-Type must be {MULTIPART}"
        raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    form = await _read(request, most_files, most_fields)
    try:
        yield form
    finally:
        await form.close()


def size_of(file: UploadFile, most_bytes: int = MOST_FILE_BYTES) -> int:
    """In bytes. Raises InvalidInput for a file that is too large."""
    require_file_size(file.size or 0, most_bytes=most_bytes)
    return file.size or 0


async def hash_of(data: bytes) -> str:
    """SHA-256; what is large does not hold up others."""
    if len(data) <= MOST_FILE_BYTES:
        return sha256(data).hexdigest()
    return (await asyncio.to_thread(sha256, data)).hexdigest()


async def _read(request: Request, most_files: int, most_fields: int) -> FormData:
    bounds = {"max_files": most_files, "max_fields": most_fields, "max_part_size": MOST_FIELD_BYTES}
    try:
        async with asyncio.timeout(_patience_seconds(request)):
            return await MultiPartParser(request.headers, request.stream(), **bounds).parse()
    except TooLarge as error:
        require_file_size(error.most_file_bytes + 1, most_bytes=error.most_file_bytes)  # the larger part of such a form
        raise
    except MultiPartException as error:
        raise InvalidInput(f"The form cannot be read: {error.message}") from error
    except TimeoutError as error:
        raise InvalidInput("The form took too long to arrive: send it again") from error


def _patience_seconds(request: Request) -> float:
    """The entrance has looked at the length that is announced."""
    announced = request.headers.get("content-length", "")
    is_number = announced.isascii() and announced.isdigit()
    return RECEIVE_SECONDS + (int(announced[:20]) / SLOWEST_BYTES_PER_SECOND if is_number else 0)
