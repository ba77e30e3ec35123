"""Files of the object store as answers: whole, in parts, or not at all to whoever has them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Protocol

from starlette.types import Message, Scope, Send

from domain.errors import DomainError, ErrorCode
from domain.ports import ObjectStore
from rest.conditions import Part, part_of

STALLED_SECONDS = 60
"""How long a reader may take nothing at all."""

Headers = list[tuple[bytes, bytes]]

# What is served was uploaded by somebody: it may be shown, and nothing else.
_SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"accept-ranges", b"bytes"),
]
# What caches learn anew (RFC 9110, 15.4.5); the rest they have.
_WHERE_NOTHING_CHANGED = {b"cache-control", b"vary", b"access-control-allow-origin"}
_WITH_BYTES = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}


def for_every_page(*exposed: bytes) -> Headers:
    """That any page may show the file, and read these headers beside those that every file has."""
    read = b", ".join((b"ETag", b"Content-Range", b"Accept-Ranges", *exposed))
    return [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", read),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]


class File(Protocol):
    """Bytes that stay as they are for as long as they have this hash; `file_size` is their number."""

    @property
    def object_key(self) -> str: ...

    @property
    def mime_type(self) -> str: ...

    @property
    def file_size(self) -> int: ...

    @property
    def file_hash(self) -> str: ...


class Delivery:
    """Answers without a word between: its headers are made of what is known, its body goes from store to socket."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def send(self, scope: Scope, send: Send, file: File, headers: Headers) -> None:
        """
        Answer GET or HEAD with the file, and with these headers besides its own.

        Raises NOT_FOUND and UNAVAILABLE while nothing was sent, so that there can be another answer.
        """
        etag = b'"%b"' % file.file_hash.encode()
        part = part_of(scope["method"], scope["headers"], etag, file.file_size)
        if part.status is HTTPStatus.NOT_MODIFIED:
            told = [(b"etag", etag), *[header for header in headers if header[0] in _WHERE_NOTHING_CHANGED]]
        else:
            told = [(b"etag", etag), *headers, *_SAFE, *_about(file, part)]
        if scope["method"] == "HEAD" or part.status not in _WITH_BYTES:
            await send({"type": "http.response.start", "status": part.status, "headers": told})
            await send({"type": "http.response.body"})
            return
        start: Message = {"type": "http.response.start", "status": part.status, "headers": told}
        async with aclosing(self._objects.stream(file.object_key, part.start, part.end)) as chunks:
            await _send_all(send, start, chunks, part.end - part.start)


def _about(file: File, part: Part) -> Headers:
    match part.status:
        case HTTPStatus.PRECONDITION_FAILED:
            return [(b"content-length", b"0")]
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return [(b"content-length", b"0"), (b"content-range", b"bytes */%d" % file.file_size)]
    told = [(b"content-type", file.mime_type.encode()), (b"content-length", b"%d" % (part.end - part.start))]
    if part.status is HTTPStatus.PARTIAL_CONTENT:
        told.append((b"content-range", b"bytes %d-%d/%d" % (part.start, part.end - 1, file.file_size)))
    return told


async def _send_all(send: Send, start: Message, chunks: AsyncIterator[bytes], length: int) -> None:
    """The answer begins with the first bytes: what is wrong with the store is raised ahead of it."""
    left = length
    async for chunk in chunks:
        if left == length:
            await send(start)
        left -= len(chunk)
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        except TimeoutError:
            return  # the server ends the connection, as the answer is not whole
    if left == length:
        raise DomainError(ErrorCode.NOT_FOUND, "The bytes of this picture were lost")
