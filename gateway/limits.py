"""Rate limits: so many requests, or so much cost, in any stretch of time; exact across processes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from time import monotonic, time
from typing import Any, NamedTuple
from zlib import crc32

import structlog
from limits.aio.storage import RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from domain.errors import DomainError, ErrorCode
from gateway.patience import patience
from gateway.round_trips import TogetherRedis
from gateway.windows import MemoryWindows, Windows

ANSWER_SECONDS = 0.2
AWAY_SECONDS = 1.0
MOST_REMEMBERED_HITS = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So much in any `seconds` seconds."""

    amount: int
    seconds: int


class LimitState(NamedTuple):
    """What one hit came to. More is free after `reset_seconds`: after a refusal, as much as was asked for."""

    limit: RateLimit
    remaining: int
    reset_seconds: int
    allowed: bool

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit-*` as draft-ietf-httpapi-ratelimit-headers-06 writes them, and `Retry-After` with a refusal."""
        told = {
            "RateLimit-Limit": str(self.limit.amount),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
            "RateLimit-Policy": f"{self.limit.amount};w={self.limit.seconds}",
        }
        return told if self.allowed else {**told, "Retry-After": str(self.reset_seconds)}

    def require(self, code: ErrorCode = ErrorCode.RATE_LIMITED) -> None:
        """Raises the refusal, if it is one."""
        if not self.allowed:
            raise RateLimited(code, self)


class RateLimited(DomainError):
    """A refusal, and the state it is one of."""

    def __init__(self, code: ErrorCode, state: LimitState) -> None:
        message = f"Rate limit exceeded. Try again in {state.reset_seconds} seconds"
        super().__init__(code, message, retryAfter=state.reset_seconds)
        self.state = state


class Limiter:
    """
    Counts in two ways, and so that all processes together hold the limit: each window in Redis is taken by one script.

    `hit` is for requests: a moving window remembers each hit until it is over, so no stretch of time sees more than
    the limit. A fixed window lets twice the limit through around its end, and a sliding counter assumes that past hits
    were evenly spread. `spend` is for budgets, whose amounts are too large to be remembered one by one.

    While Redis is away, each process counts alone (`alone`), or nobody is let in (None). Counting alone is what
    Easel does unless told otherwise, on routes that spend too: money is held by the ledger and the quotas, which are
    in PostgreSQL, so what an outage of Redis can cost is load: each process then holds the limit for itself. The
    answer comes within a quarter of a second, and Redis is tried again after a second.

    A hit's time is by the clock of the process that took it: machines keep theirs in step.
    """

    def __init__(self, windows: Windows, alone: Windows | None) -> None:
        self._windows = windows
        self._alone = alone
        self._away_until: float | None = None

    async def hit(self, key: str, limit: RateLimit, cost: int = 1) -> LimitState:
        """
        Take `cost`, at most the limit itself, where that much is free; a cost of 0 only looks.

        Of limits beyond MOST_REMEMBERED_HITS only the sum is kept, as `spend` does.
        """
        take = _spend if limit.amount > MOST_REMEMBERED_HITS else _hit
        return await self._answered(lambda windows: take(windows, key, limit, cost))

    async def spend(self, key: str, limit: RateLimit, cost: int = 1) -> LimitState:
        """The same, from one counter for each stretch of `seconds`: one question to Redis, whatever the cost."""
        if isinstance(self._windows, MemoryWindows):  # which is never away, and keeps nobody waiting
            counter, passed, taken = _stretch(key, limit, cost)
            used = self._windows.add(counter, taken)
            if taken > 1 and used > limit.amount:
                return _refused(limit, self._windows.add(counter, -taken), passed)
            return _spent(limit, cost, taken, used, passed)
        return await self._answered(lambda windows: _spend(windows, key, limit, cost))

    @property
    def counts_here(self) -> bool:
        """Whether this process alone counts, and keeps nobody waiting for it."""
        return isinstance(self._windows, MemoryWindows)

    def refusal_here(self, key: str, limit: RateLimit) -> LimitState | None:
        """Take one where this process counts; the refusal, if it is one. For what is asked most often of all."""
        assert isinstance(self._windows, MemoryWindows)  # noqa: S101 - as `counts_here` says
        counter, passed, _ = _stretch(key, limit, 1)
        used = self._windows.add(counter, 1)
        return None if used <= limit.amount else _refused(limit, used, passed)

    async def _answered(self, take: Callable[[Windows], Awaitable[LimitState]]) -> LimitState:
        if isinstance(self._windows, MemoryWindows):  # which is never away
            return await take(self._windows)
        if self._away_until is None or monotonic() >= self._away_until:
            try:
                async with patience(ANSWER_SECONDS):
                    state = await take(self._windows)
            except Exception as error:  # noqa: BLE001 - whatever Redis runs into, the caller gets a decided answer
                self._is_away(error)
            else:
                self._is_back()
                return state
        if self._alone is None:
            message = "Requests cannot be counted just now: try again shortly"
            raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=ceil(AWAY_SECONDS))
        return await take(self._alone)

    def _is_away(self, error: Exception) -> None:
        if self._away_until is None:
            log.warning("limits_unavailable", error=f"{type(error).__name__}: {error}")
        self._away_until = monotonic() + AWAY_SECONDS

    def _is_back(self) -> None:
        if self._away_until is not None:
            log.info("limits_available")
        self._away_until = None


async def _hit(windows: Windows, key: str, limit: RateLimit, cost: int) -> LimitState:
    allowed = await windows.acquire_entry(key, limit.amount, limit.seconds, amount=cost)
    oldest, used = await windows.get_moving_window(key, limit.amount, limit.seconds)
    if not allowed and cost > 1:  # the hit that has to end for this much to be free
        oldest, _ = await windows.get_moving_window(key, max(1, limit.amount - cost + 1), limit.seconds)
    reset_seconds = ceil(oldest + limit.seconds - time()) if used else 0
    return LimitState(limit, limit.amount - used, max(reset_seconds, 0 if allowed else 1), allowed)


async def _spend(windows: Windows, key: str, limit: RateLimit, cost: int) -> LimitState:
    counter, passed, taken = _stretch(key, limit, cost)
    expiry = 2 * limit.seconds  # on machines whose clock is behind, the stretch ends later
    used = await windows.incr(counter, expiry, taken) if taken else await windows.get(counter)
    if taken > 1 and used > limit.amount:  # others may be refused meanwhile, but never is too much let through
        used = await windows.incr(counter, expiry, -taken)
        return _refused(limit, used, passed)
    return _spent(limit, cost, taken, used, passed)


def _stretch(key: str, limit: RateLimit, cost: int) -> tuple[str, float, int]:
    """The counter of this stretch of time, how much of it has passed, and what is taken of it."""
    # Each key has ends of its own, so that not all who were refused come back at once.
    shifted = time() + _shift(key, limit.seconds)
    number = shifted // limit.seconds
    return _counter(key, number), shifted - number * limit.seconds, cost if cost <= limit.amount else 0


@lru_cache(maxsize=4_096)
def _shift(key: str, seconds: int) -> int:
    return crc32(key.encode()) % seconds


@lru_cache(maxsize=4_096)
def _counter(key: str, number: float) -> str:
    return f"{key}/{number:.0f}"


def _spent(limit: RateLimit, cost: int, taken: int, used: int, passed: float) -> LimitState:
    if cost and (taken != cost or used > limit.amount):
        return _refused(limit, used, passed)
    return LimitState(limit, max(limit.amount - used, 0), ceil(limit.seconds - passed) if used else 0, allowed=True)


def _refused(limit: RateLimit, used: int, passed: float) -> LimitState:
    return LimitState(limit, max(limit.amount - used, 0), ceil(limit.seconds - passed), allowed=False)


@asynccontextmanager
async def open_limiter(redis_url: str | None, *, refuse_when_away: bool) -> AsyncIterator[Limiter]:
    """Counts in Redis or Valkey where there is one, else in this process."""
    if redis_url is None:
        yield Limiter(MemoryWindows(), None)
        return
    pool = ConnectionPool.from_url(
        redis_url,
        socket_timeout=None,  # by the clock, which `patience` is not
        socket_connect_timeout=None,
        retry=Retry(NoBackoff(), retries=0),
        # With them on, redis-py takes connections out of its pool without a look whether they have ended.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    client = TogetherRedis(pool, ANSWER_SECONDS)
    try:
        yield Limiter(_RedisWindows(client), None if refuse_when_away else MemoryWindows())
    finally:
        await client.aclose(close_connection_pool=True)


class _RedisWindows(RedisStorage):
    """The library's windows, over a client of ours."""

    def __init__(self, client: TogetherRedis) -> None:
        self._client: Any = client  # whose methods the library's types describe in other words
        super().__init__("async+redis://", implementation="redispy", key_prefix="easel:limits")

    def configure_bridge(self) -> None:
        assert isinstance(self.bridge, RedispyBridge)  # noqa: S101 - as `implementation` says
        self.bridge.connection_getter = lambda _: self._client
