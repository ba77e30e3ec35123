"""Secrets of this deployment: made at the first start, readable by this user alone."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from hmac import digest
from pathlib import Path

from app.settings import Settings
from domain.errors import DomainError, ErrorCode
from gateway.identity import Secrets


def read_secrets(settings: Settings) -> Secrets:
    """One secret for each purpose, all derived from one."""
    given = settings.secret_key
    root = given.get_secret_value().encode() if given else _kept(settings.data_dir / "secret.key")
    purposes = (b"api keys", b"tokens", b"cursors", b"webhooks", b"uploads")
    return Secrets(*(digest(root, purpose, sha256) for purpose in purposes))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read: whole, or not at all."""
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)


def _kept(path: Path) -> bytes:
    with _explained(path):
        if not path.exists():
            _make(path)
        return path.read_bytes()


def _make(path: Path) -> None:
    made = path.with_name(f".{path.name}.{os.getpid()}.made")
    write_private(made, secrets.token_hex(32).encode())
    try:
        os.link(made, path)  # of two processes that start together, the first one's stays
    except FileExistsError:
        pass
    finally:
        made.unlink()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"Easel cannot keep {path}: {error.strerror}. Set EASEL_DATA_DIR to a directory that you may write"
        raise DomainError(ErrorCode.UNAVAILABLE, message) from error
