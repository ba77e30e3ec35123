"""Cursors: where a listener stands in each project it follows, opaque and signed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from domain.errors import DomainError, ErrorCode
from domain.ids import Id

SIGNATURE_BYTES = 12
LONGEST = 8_192


class Cursors:
    """Writes and reads cursors. Those of another server, and forged ones, are refused with CURSOR_EXPIRED."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"cursor", hashlib.sha256)

    def write(self, positions: Mapping[Id, int]) -> str:
        body = json.dumps(positions, separators=(",", ":"), sort_keys=True).encode()
        return base64.urlsafe_b64encode(self._sign(body) + body).decode().rstrip("=")

    def read(self, cursor: str) -> dict[Id, int]:
        try:
            raw = base64.urlsafe_b64decode(cursor[:LONGEST].encode() + b"==")
        except ValueError:
            raw = b""
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body)):
            message = "This cursor is not one of this server: read the state again and follow without `after`"
            raise DomainError(ErrorCode.CURSOR_EXPIRED, message, field="after")
        positions: dict[Id, int] = json.loads(body)
        return positions

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, hashlib.sha256)[:SIGNATURE_BYTES]
