"""Notes in the data directory of where its servers listen, for `easel key` and `easel demo`."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.secret_files import write_private
from app.settings import Settings

CONNECT_SECONDS = 1


@contextmanager
def announced(settings: Settings, listener: socket.socket) -> Iterator[None]:
    """Leave a note of the server on this socket while the block lasts."""
    address = listener.getsockname()[:2]
    note = {"pid": os.getpid(), "url": settings.url(address[1]), "address": address}
    path = _directory(settings) / f"{address[1]}.json"
    write_private(path, json.dumps(note).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_server(settings: Settings) -> str | None:
    """Where a server on this data directory listens, if one does."""
    for path in sorted(_directory(settings).glob("*.json")):
        if (url := _answering(path)) is not None:
            return url
    return None


def _answering(path: Path) -> str | None:
    """The URL of the note's server; what a killed one left says nothing."""
    with suppress(OSError, ValueError, KeyError):
        note = json.loads(path.read_bytes())
        os.kill(note["pid"], 0)
        socket.create_connection(tuple(note["address"]), CONNECT_SECONDS).close()
        url: str = note["url"]
        return url
    return None


def _directory(settings: Settings) -> Path:
    return settings.data_dir / "servers"
