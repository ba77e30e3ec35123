"""Who is asking: an API key or a token, on a request's headers or in a socket's first message."""

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from domain.api_keys import ApiKey
from domain.errors import DomainError, ErrorCode
from domain.permissions import Actor, ActorKind, permissions_of
from gateway.keys import KeyText, read_key
from gateway.tokens import read_token
from storage.credentials import Credentials

REMEMBERED_SECONDS = 5.0
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Secrets:
    """`pepper` goes into the hashes of API keys, `token_key` signs tokens, `cursor_key` signs cursors."""

    pepper: bytes = field(repr=False)
    token_key: bytes = field(repr=False)
    cursor_key: bytes = field(repr=False)


class Identity:
    def __init__(self, credentials: Credentials, secrets: Secrets) -> None:
        self._credentials = credentials
        self._secrets = secrets
        self._remembered: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()

    async def of_headers(self, headers: Mapping[str, str], trace_id: str) -> Actor:
        """The actor of `X-API-Key` or `Authorization: Bearer`. Raises UNAUTHENTICATED."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return await self.of(headers.get("x-api-key"), token if scheme.lower() == "bearer" else None, trace_id)

    async def of(self, api_key: str | None, token: str | None, trace_id: str) -> Actor:
        if api_key:
            return await self._of_key(api_key.strip(), trace_id)
        if token:
            return read_token(self._secrets.token_key, token.strip(), trace_id)
        message = "Say who you are: send an API key as X-API-Key, or a token as Authorization: Bearer"
        raise DomainError(ErrorCode.UNAUTHENTICATED, message)

    async def _of_key(self, text: str, trace_id: str) -> Actor:
        key = read_key(text)
        row = await self._row(key) if key else None
        if key is None or row is None or not hmac.compare_digest(row.secret_hash, key.hashed(self._secrets.pepper)):
            raise DomainError(ErrorCode.UNAUTHENTICATED, "This API key is not known here: check that it is whole")
        if row.revoked_at or (row.expires_at and row.expires_at < datetime.now(UTC)):
            raise DomainError(ErrorCode.UNAUTHENTICATED, "This API key was revoked or has expired")
        return Actor(
            subject=row.id,
            kind=ActorKind.API_KEY,
            organization_id=row.organization_id,
            permissions=permissions_of(row.scopes),
            scopes=row.scopes,
            project_id=row.project_id,
            default_project_id=row.project_id or row.default_project_id,
            trace_id=trace_id,
        )

    async def _row(self, key: KeyText) -> ApiKey | None:
        """The key's row, remembered for a few seconds: no longer, so that a revoked key soon opens nothing."""
        until, row = self._remembered.get(key.prefix, (0.0, None))
        if until < monotonic():
            row = await self._credentials.api_key(key.prefix)
            self._remembered[key.prefix] = (monotonic() + REMEMBERED_SECONDS, row)
            self._remembered.move_to_end(key.prefix)
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return row
