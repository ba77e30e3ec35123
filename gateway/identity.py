"""Who is asking: an API key or a token, on a request's headers or in a socket's first message."""

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from types import MappingProxyType
from typing import TypeVar

from starlette.requests import HTTPConnection

from domain.api_keys import ApiKey
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.permissions import Actor, ActorKind, Role, permissions_of
from gateway.attempts import Attempts
from gateway.key_uses import KeyUses
from gateway.keys import read_key
from gateway.limits import RateLimited
from gateway.metering import address_of, tell
from gateway.tokens import Tokens
from storage.credentials import Credentials

REMEMBERED_SECONDS = 5.0
MOST_REMEMBERED = 10_000

Name = TypeVar("Name")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Secrets:
    """
    `pepper` goes into the hashes of API keys, `token_key` signs tokens, `cursor_key` cursors, `upload_key` URLs that
    pictures are sent to; the secrets of webhooks are made of `webhook_key`.
    """

    pepper: bytes = field(repr=False)
    token_key: bytes = field(repr=False)
    cursor_key: bytes = field(repr=False)
    webhook_key: bytes = field(repr=False)
    upload_key: bytes = field(repr=False)


class Identity:
    def __init__(
        self,
        credentials: Credentials,
        secrets: Secrets,
        tokens: Tokens,
        attempts: Attempts,
        uses: KeyUses,
    ) -> None:
        self._credentials = credentials
        self._secrets = secrets
        self._tokens = tokens
        self._attempts = attempts
        self._uses = uses
        self._remembered: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()
        self._teams: OrderedDict[tuple[Id, str], tuple[float, Mapping[Id, Role]]] = OrderedDict()

    async def of_request(self, request: HTTPConnection) -> Actor:
        """The actor of `X-API-Key` or `Authorization: Bearer`. Raises UNAUTHENTICATED, IP_RATE_LIMIT_EXCEEDED."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        named = request.headers.get("x-api-key"), token if scheme.lower() == "bearer" else None
        try:
            return await self.of(*named, request.scope["state"]["trace_id"], address_of(request.scope))
        except RateLimited as refused:
            tell(request.scope, refused.state)
            raise

    async def of(self, api_key: str | None, token: str | None, trace_id: str, address: str | None = None) -> Actor:
        """The actor of a key or a token; where it opens nothing, that counts against the address it came from."""
        try:
            return await self._of(api_key, token, trace_id, address)
        except DomainError as error:
            if address is not None and (api_key or token) and error.code is ErrorCode.UNAUTHENTICATED:
                await self._attempts.failed(address)
            raise

    async def still_valid(self, actor: Actor) -> bool:
        """
        Whether whoever was let in would be let in again, to all that was opened to them.

        Raises UNAVAILABLE while the database does not answer.
        """
        if actor.kind is ActorKind.API_KEY:
            row = await self._credentials.api_key_by_id(Id(actor.subject))
            if row is not None:  # who is sent away must not come in again for a moment
                self._keep(row.prefix, row)
            return row is not None and not _ended(row)
        if actor.expires_at is not None and actor.expires_at <= datetime.now(UTC):
            return False
        return actor.memberships.items() <= (await self._memberships(actor)).items()

    async def _of(self, api_key: str | None, token: str | None, trace_id: str, address: str | None) -> Actor:
        if api_key:
            return await self._of_key(api_key.strip(), trace_id, address)
        if token:
            person = await self._tokens.read(token.strip(), trace_id)
            return replace(person, memberships=await self._memberships(person))
        message = "Say who you are: send an API key as X-API-Key, or a token as Authorization: Bearer"
        raise DomainError(ErrorCode.UNAUTHENTICATED, message)

    async def _of_key(self, text: str, trace_id: str, address: str | None) -> Actor:
        key = read_key(text)
        row = await self._row(key.prefix, address) if key else None
        if key is None or row is None or not hmac.compare_digest(row.secret_hash, key.hashed(self._secrets.pepper)):
            raise DomainError(ErrorCode.UNAUTHENTICATED, "This API key is not known here: check that it is whole")
        if _ended(row):
            raise DomainError(ErrorCode.UNAUTHENTICATED, "This API key was revoked or has expired")
        self._uses.note(row.id)
        return Actor(
            subject=row.id,
            kind=ActorKind.API_KEY,
            organization_id=row.organization_id,
            permissions=permissions_of(row.scopes),
            scopes=row.scopes,
            project_id=row.project_id,
            default_project_id=row.project_id or row.default_project_id,
            trace_id=trace_id,
            expires_at=row.expires_at,
            rate_limit_per_hour=row.rate_limit_per_hour,
            name=row.name,
        )

    async def _memberships(self, person: Actor) -> Mapping[Id, Role]:
        """The person's roles in projects, remembered as keys are."""
        whose = (person.organization_id, person.subject)
        until, found = self._teams.get(whose, (0.0, MappingProxyType[Id, Role]({})))
        if until < monotonic():
            found = MappingProxyType(await self._credentials.memberships(*whose))
            _remember(self._teams, whose, (monotonic() + REMEMBERED_SECONDS, found))
        return found

    async def _row(self, prefix: str, address: str | None) -> ApiKey | None:
        """The key's row, remembered for a few seconds: no longer, so that a revoked key soon opens nothing."""
        until, row = self._remembered.get(prefix, (0.0, None))
        if until < monotonic():
            if row is None and address is not None:  # whoever guesses need not be looked up
                self._attempts.require_few(address)
            row = await self._credentials.api_key(prefix)
            self._keep(prefix, row)
        return row

    def _keep(self, prefix: str, row: ApiKey | None) -> None:
        _remember(self._remembered, prefix, (monotonic() + REMEMBERED_SECONDS, row))


def _ended(key: ApiKey) -> bool:
    return bool(key.revoked_at or (key.expires_at and key.expires_at <= datetime.now(UTC)))


def _remember(values: OrderedDict[Name, Value], name: Name, value: Value) -> None:
    """Keep it, and forget what was kept longest where there is too much."""
    values[name] = value
    values.move_to_end(name)
    if len(values) > MOST_REMEMBERED:
        values.popitem(last=False)
