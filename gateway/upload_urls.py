"""URLs of our own to which anyone can PUT one object, where the object store has no such thing."""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from domain.errors import DomainError, ErrorCode

PATH = "/uploads"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be sent, and where it is kept."""

    object_key: str
    mime_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UploadUrls:
    """Signs and reads them. `public_url` is how the outside reaches this server."""

    key: bytes = field(repr=False)
    public_url: str

    def of(self, object_key: str, mime_type: str, size_bytes: int, expires_at: datetime) -> str:
        said = {"type": mime_type, "size": str(size_bytes), "expires": str(int(expires_at.timestamp()))}
        query = urlencode({**said, "signature": self._signature(object_key, *said.values())})
        return f"{self.public_url}{PATH}/{object_key}?{query}"

    def read(self, object_key: str, query: QueryParams) -> Allowed:
        """What the URL allows. Raises FORBIDDEN for one that was not made here, or that has expired."""
        said = [query.get(name, "") for name in ("type", "size", "expires")]
        expected = self._signature(object_key, *said)
        if not hmac.compare_digest(query.get("signature", "").encode(), expected.encode()):
            raise DomainError(ErrorCode.FORBIDDEN, "This URL is not one to send a picture to: begin an upload")
        if int(said[2]) <= datetime.now(UTC).timestamp():
            raise DomainError(ErrorCode.FORBIDDEN, "This URL has expired: begin another upload")
        return Allowed(object_key, said[0], int(said[1]))

    def _signature(self, *said: str) -> str:
        return hmac.new(self.key, "\n".join(said).encode("utf-8", "surrogatepass"), sha256).hexdigest()
