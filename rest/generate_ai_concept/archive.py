"""Files of the object store as one ZIP, written while it is sent: there is never more of it here than a piece."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import IO, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from domain.errors import DomainError, ErrorCode
from domain.ports import ObjectStore

MIME_TYPE = "application/zip"
_READABLE = 0o644 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the store, and where it stands in the archive."""

    path: str
    object_key: str
    size_bytes: int
    at: datetime


class Archive:
    """
    Pictures are packed already, so everything is stored as it is.

    Whatever makes a text or a file yields pieces of the archive. What is left when one is left early is nothing: there
    are no temporary files.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._sink = _Sink()
        self._zip = ZipFile(cast("IO[bytes]", self._sink), "w", ZIP_STORED)  # which it writes to, and no more

    def text(self, path: str, at: datetime, pieces: Iterable[bytes]) -> Iterator[bytes]:
        with self._zip.open(_info(path, at), "w") as member:
            for piece in pieces:
                member.write(piece)
                yield self._sink.take()
        yield self._sink.take()

    async def file(self, entry: Entry) -> AsyncGenerator[bytes, None]:
        """Nothing where the store does not have it any more."""
        async with aclosing(self._objects.stream(entry.object_key)) as chunks:
            try:
                chunk: bytes | None = await anext(chunks, None)
            except DomainError as error:
                if error.code is ErrorCode.NOT_FOUND:
                    return
                raise
            with self._zip.open(_info(entry.path, entry.at, entry.size_bytes), "w") as member:
                while chunk is not None:
                    member.write(chunk)
                    yield self._sink.take()
                    chunk = await anext(chunks, None)
            yield self._sink.take()

    def end(self) -> bytes:
        """The list of what is in it, which comes last."""
        self._zip.close()
        return self._sink.take()


def _info(path: str, at: datetime, size_bytes: int = 0) -> ZipInfo:
    info = ZipInfo(path, at.timetuple()[:6])
    info.file_size = size_bytes
    info.external_attr = _READABLE
    return info


class _Sink:
    """What was written since it was last taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """What is here is taken, not sent."""

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken
