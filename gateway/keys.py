"""
API keys: `easel_<public id>_<secret><checksum>`.

The public id finds the row, the secret has 256 bits, the checksum tells a mistyped key from an unknown one without
asking the database. Kept is an HMAC of the secret under a pepper: a stolen table opens nothing.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

from domain.ports import NewKey

_KEY = re.compile(r"(easel_[0-9a-f]{16})_([0-9a-f]{64})([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as it is written; `prefix` may be shown and logged, `secret` never."""

    prefix: str
    secret: str

    @property
    def text(self) -> str:
        return f"{self.prefix}_{self.secret}{_checksum(self.prefix, self.secret)}"

    def hashed(self, pepper: bytes) -> bytes:
        return hmac.digest(pepper, self.secret.encode(), hashlib.sha256)


def new_key() -> KeyText:
    return KeyText(f"easel_{secrets.token_hex(8)}", secrets.token_hex(32))


def mint(pepper: bytes) -> NewKey:
    """A fresh key, with the hash that is kept of it."""
    key = new_key()
    return NewKey(key.prefix, key.text, key.hashed(pepper))


def read_key(text: str) -> KeyText | None:
    """The parts of a key, or None where it cannot be one of ours."""
    found = _KEY.fullmatch(text)
    key = KeyText(found[1], found[2]) if found else None
    return key if key and found and found[3] == _checksum(key.prefix, key.secret) else None


def _checksum(prefix: str, secret: str) -> str:
    return f"{zlib.crc32(f'{prefix}_{secret}'.encode()):08x}"
