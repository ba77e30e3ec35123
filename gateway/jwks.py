"""The public keys of an identity provider (RFC 7517), fetched from where it shows them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from math import ceil, inf
from time import monotonic

import httpx2
import jwt
import msgspec
import structlog

from domain.errors import DomainError, ErrorCode

KEPT_SECONDS = 600.0
PAUSE_SECONDS = 30.0
STALE_SECONDS = 86_400.0
ANSWER_SECONDS = 3.0
MOST_BYTES = 262_144
MOST_KEYS = 100

# What a key may verify, by its type and curve: the algorithm a token names must be its key's own.
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}

log = structlog.get_logger(__name__)


class Jwks:
    """
    Keys by their id and algorithm, kept for ten minutes.

    However many tokens name unknown keys, the provider is asked at most every thirty seconds, and all who wait share
    its answer. While it is away its last keys stay good for a day.
    """

    def __init__(self, url: str, clock: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._clock = clock
        self._http = httpx2.AsyncClient(
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=ANSWER_SECONDS,
            limits=httpx2.Limits(max_keepalive_connections=0),
            trust_env=url.startswith("https:"),  # what listens on loopback is no proxy's business
        )
        self._keys: dict[tuple[str, str], jwt.PyJWK] = {}
        self._fetched_at = self._asked_at = -inf
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key_id: str, algorithm: str) -> jwt.PyJWK | None:
        """The key with this id, if it is of this algorithm. Raises UNAVAILABLE while no keys are to be had."""
        wanted = (key_id, algorithm)
        if wanted not in self._keys or self._age_seconds > KEPT_SECONDS:
            await self._ask()
        if self._age_seconds > STALE_SECONDS:
            wait_seconds = ceil(self._asked_at + PAUSE_SECONDS - self._clock())
            message = "The identity provider's keys cannot be fetched just now: try again later"
            raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=max(1, wait_seconds))
        return self._keys.get(wanted)

    async def close(self) -> None:
        if self._asking:
            self._asking.cancel()
            await asyncio.wait({self._asking})
        await self._http.aclose()

    @property
    def _age_seconds(self) -> float:
        return self._clock() - self._fetched_at

    async def _ask(self) -> None:
        """Fetch, unless that was tried a moment ago; who stops waiting does not stop it for the others."""
        if self._asking is None and self._clock() - self._asked_at >= PAUSE_SECONDS:
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._refresh(), name="jwks")
        if self._asking:
            await asyncio.shield(self._asking)

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._keys = _read(await self._fetch())
            self._fetched_at = self._clock()
        except (httpx2.HTTPError, OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            log.warning("identity_provider_unavailable", error=f"{type(error).__name__}: {error}")
        finally:
            self._asking = None

    async def _fetch(self) -> bytes:
        body = b""
        async with self._http.stream("GET", self._url) as answer:
            if answer.status_code != httpx2.codes.OK:
                raise ValueError(f"it answered with status {answer.status_code}")
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise ValueError(f"its answer is larger than {MOST_BYTES:,} bytes")
        return body


class _Document(msgspec.Struct, frozen=True):
    keys: list[msgspec.Raw]


class _Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of a key that say what it is and what it is for; `d` makes it a private one."""

    kty: str
    kid: str
    crv: str | None = None
    alg: str | None = None
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    n: str | None = None
    e: str | None = None
    x: str | None = None
    y: str | None = None
    d: str | None = None


def _read(body: bytes) -> dict[tuple[str, str], jwt.PyJWK]:
    """The keys in it that can verify a token; those that cannot are no one's mistake. Raises ValueError for none."""
    raw = msgspec.json.decode(body, type=_Document).keys[:MOST_KEYS]
    found = {(key.kid, algorithm): made for key, algorithm in _verifying(raw) if (made := _made(key, algorithm))}
    if not found:
        raise ValueError("it shows no key that can verify a token")
    return found


def _verifying(keys: Iterable[msgspec.Raw]) -> Iterator[tuple[_Key, str]]:
    for raw in keys:
        try:
            key = msgspec.json.decode(raw, type=_Key)
        except msgspec.MsgspecError:
            continue
        algorithm = ALGORITHMS.get((key.kty, key.crv))
        if algorithm and key.alg in {None, algorithm} and key.use == "sig" and "verify" in key.key_ops and not key.d:
            yield key, algorithm


def _made(key: _Key, algorithm: str) -> jwt.PyJWK | None:
    try:
        return jwt.PyJWK(msgspec.to_builtins(key), algorithm)
    except (jwt.PyJWTError, ValueError):
        return None
