"""Objects as files below one folder."""

import errno
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from domain.errors import DomainError, InvalidInput
from domain.ports import StoredObject
from storage.objects.failures import not_found, unavailable
from storage.objects.keys import length_of, require_key
from storage.objects.threads import Threads

_INCOMING = "+incoming"  # `+` is in no key
_LEFTOVER_AGE_SECONDS = 3600

_FULL = (
    "The object store is full: free space on the disk that holds EASEL_DATA_DIR, or raise its quota, then try again."
)
_REFUSED = "The object store cannot be used: give the user that runs Easel the right to write below EASEL_DATA_DIR."
_BROKEN = "The object store does not work: check the disk that holds EASEL_DATA_DIR, then try again."
_SENTENCES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _REFUSED,
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
}


class FileObjects:
    """An ObjectStore of files below `root`, for this user alone (0600, 0700). Their mime types are not kept."""

    def __init__(self, root: Path, *, limit_seconds: float = 60.0) -> None:
        self._root = root.absolute()
        self._incoming = self._root / _INCOMING
        self._threads = Threads((OSError,), _explain, limit_seconds=limit_seconds)
        try:
            _make_folder(self._incoming)
            self.sweep()
        except OSError as error:
            raise _explain(error) from error

    async def put(self, key: str, data: bytes, mime_type: str) -> None:
        await self._threads.run(self._write, self._path(key), data)

    async def get(self, key: str) -> bytes:
        return await self._threads.run(_read, self._path(key))

    def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        return self._threads.chunks(partial(_open, self._path(key), start), length_of(start, end))

    def walk(self) -> AsyncGenerator[list[StoredObject], None]:
        return self._threads.pages(_walk(self._root))

    async def get_up_to(self, key: str, most_bytes: int) -> bytes:
        return await self._threads.run(_read, self._path(key), most_bytes + 1)

    async def delete(self, key: str) -> None:
        await self._threads.run(_remove, self._path(key))

    async def presigned_url(self, key: str, *, expires_seconds: int) -> str | None:
        require_key(key)
        return None

    async def presigned_put(self, key: str, mime_type: str, size_bytes: int, *, expires_seconds: int) -> str | None:
        require_key(key)
        return None

    def sweep(self) -> None:
        """Remove what killed processes left half-written more than an hour ago."""
        oldest = time.time() - _LEFTOVER_AGE_SECONDS
        for leftover in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # another process has just finished it
                if leftover.stat().st_mtime < oldest:
                    leftover.unlink()

    def _path(self, key: str) -> Path:
        return self._root / require_key(key)

    def _write(self, path: Path, data: bytes) -> None:
        try:
            _make_folder(path.parent)
            self._replace(path, data)
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise InvalidInput(
                "Invalid object key: it is the folder of another, or lies below one", field="key"
            ) from error
        _sync_folder(path.parent)

    def _replace(self, path: Path, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        with ExitStack() as stack:
            stack.callback(Path(name).unlink, missing_ok=True)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(path)
            stack.pop_all()  # it is there under its own name now


def _read(path: Path, most_bytes: int = -1) -> bytes:
    with _open(path) as file:
        return file.read(most_bytes)


def _open(path: Path, start: int = 0) -> BinaryIO:
    try:
        file = path.open("rb", buffering=0)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise not_found() from None
    if start:
        file.seek(start)
    return file


def _walk(root: Path) -> Generator[StoredObject, None, None]:
    """Folder by folder; what others remove meanwhile is left out."""
    folders = [""]
    while folders:
        below = folders.pop()
        with suppress(FileNotFoundError), os.scandir(root / below) as entries:
            for entry in entries:
                key = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders += [f"{key}/"] if entry.name != _INCOMING else []
                    continue
                with suppress(FileNotFoundError):
                    told = entry.stat(follow_symlinks=False)
                    yield StoredObject(key, told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        path.unlink()


def _make_folder(folder: Path) -> None:
    """As `mkdir --parents`, but private and durable at every level."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(error: Exception) -> DomainError:
    number = error.errno if isinstance(error, OSError) else None
    return unavailable(_SENTENCES.get(number or 0, _BROKEN))
