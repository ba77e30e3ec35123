"""Forms with files (multipart/form-data), read within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.image_uploads import MOST_FILE_BYTES, require_file_size
from gateway.entrance import TooLarge

MULTIPART = "multipart/form-data"
MOST_FIELD_BYTES = 256 * 1024
RECEIVE_SECONDS = 120.0


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == MULTIPART


@asynccontextmanager
async def form_of(request: Request, *, most_files: int, most_fields: int) -> AsyncIterator[FormData]:
    """
    The request's form; its files are gone when the block ends.

    Raises InvalidInput for what is no form, has more parts than these, or takes longer than two minutes to arrive.
    """
    if not is_form(request.headers.get("content-type", "")):
        message = f"Send a form: the Content-Type must be {MULTIPART}"
        raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    form = await _read(request, most_files, most_fields)
    try:
        yield form
    finally:
        await form.close()


async def bytes_of(file: UploadFile) -> bytes:
    """All of the file. Raises InvalidInput for one that is too large."""
    require_file_size(file.size or 0)
    return await file.read()


async def _read(request: Request, most_files: int, most_fields: int) -> FormData:
    bounds = {"max_files": most_files, "max_fields": most_fields, "max_part_size": MOST_FIELD_BYTES}
    try:
        async with asyncio.timeout(RECEIVE_SECONDS):
            return await MultiPartParser(request.headers, request.stream(), **bounds).parse()
    except TooLarge:
        require_file_size(MOST_FILE_BYTES + 1)  # of so large a form the file is the larger part
        raise
    except MultiPartException as error:
        raise InvalidInput(f"The form cannot be read: {error.message}") from error
    except TimeoutError as error:
        raise InvalidInput("The form took too long to arrive: send it again") from error
