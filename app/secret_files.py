"""Secrets of this deployment: made at the first start, readable by this user alone."""

import os
import secrets
from hashlib import sha256
from hmac import digest
from pathlib import Path

from app.settings import Settings
from gateway.identity import Secrets


def read_secrets(settings: Settings) -> Secrets:
    """One secret for each purpose, all derived from one."""
    given = settings.secret_key
    root = given.get_secret_value().encode() if given else _kept(settings.data_dir / "secret.key")
    return Secrets(*(digest(root, purpose, sha256) for purpose in (b"api keys", b"tokens", b"cursors")))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _kept(path: Path) -> bytes:
    if not path.exists():
        made = path.with_name(f".{path.name}.{os.getpid()}.made")
        write_private(made, secrets.token_hex(32).encode())
        try:
            os.link(made, path)  # of two processes that start together, the first one's stays
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_bytes()
