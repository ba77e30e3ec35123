"""Rate limits: so many requests, or so much cost, in any stretch of time; exact across processes."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from time import monotonic, time

import structlog
from limits.aio.storage import MovingWindowSupport, RedisStorage
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from domain.errors import DomainError, ErrorCode

ANSWER_SECONDS = 0.2
AWAY_SECONDS = 1.0
MOST_CONNECTIONS = 16
MOST_KEYS = 20_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So much in any `seconds` seconds."""

    amount: int
    seconds: int


@dataclass(frozen=True, slots=True)
class LimitState:
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
            message = f"Rate limit exceeded. Try again in {self.reset_seconds} seconds"
            raise DomainError(code, message, retryAfter=self.reset_seconds)


class Limiter:
    """
    Counts hits in moving windows: a window remembers each hit until it is over.

    A fixed window lets twice the limit through around its end, and a sliding counter assumes that past hits were
    evenly spread; with moving windows no stretch of time sees more than the limit. Windows in Redis are taken by one
    script each, so that all processes together hold the limit.

    While Redis is away, each process counts alone (`alone`), or nobody is let in (None). Counting alone is what
    Easel does unless told otherwise, on routes that spend too: money is held by the ledger and the quotas, which are
    in PostgreSQL, so what an outage of Redis can cost is load: each process then holds the limit for itself. The
    answer comes within a quarter of a second, and Redis is tried again after a second.

    A hit's time is by the clock of the process that took it: machines keep theirs in step.
    """

    def __init__(self, windows: MovingWindowSupport, alone: MovingWindowSupport | None) -> None:
        self._windows = windows
        self._alone = alone
        self._away_until: float | None = None

    async def hit(self, key: str, limit: RateLimit, cost: int = 1) -> LimitState:
        """Take `cost`, at most the limit itself, where that much is free; a cost of 0 only looks."""
        if self._away_until is None or monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    state = await _hit(self._windows, key, limit, cost)
            except Exception as error:  # noqa: BLE001 - whatever Redis runs into, the caller gets a decided answer
                self._is_away(error)
            else:
                self._is_back()
                return state
        if self._alone is None:
            message = "Requests cannot be counted just now: try again shortly"
            raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=ceil(AWAY_SECONDS))
        return await _hit(self._alone, key, limit, cost)

    def _is_away(self, error: Exception) -> None:
        if self._away_until is None:
            log.warning("limits_unavailable", error=f"{type(error).__name__}: {error}")
        self._away_until = monotonic() + AWAY_SECONDS

    def _is_back(self) -> None:
        if self._away_until is not None:
            log.info("limits_available")
        self._away_until = None


async def _hit(windows: MovingWindowSupport, key: str, limit: RateLimit, cost: int) -> LimitState:
    allowed = await windows.acquire_entry(key, limit.amount, limit.seconds, amount=cost)
    oldest, used = await windows.get_moving_window(key, limit.amount, limit.seconds)
    if not allowed and cost > 1:  # the hit that has to end for this much to be free
        oldest, _ = await windows.get_moving_window(key, max(1, limit.amount - cost + 1), limit.seconds)
    reset_seconds = ceil(oldest + limit.seconds - time()) if used else 0
    return LimitState(limit, limit.amount - used, max(reset_seconds, 0 if allowed else 1), allowed)


class MemoryWindows(MovingWindowSupport):
    """
    The moving windows of one process, of so many keys; the one unused for longest makes room.

    The library's own memory storage looks through all keys with every hit.
    """

    def __init__(self, most_keys: int = MOST_KEYS, clock: Callable[[], float] = time) -> None:
        self._most_keys = most_keys
        self._clock = clock
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        window = self._current(key, expiry)
        allowed = len(window) + amount <= limit
        if allowed:
            window.extend([self._clock()] * amount)
        return allowed

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest of the newest `limit` hits was, and how many there are."""
        window = self._current(key, expiry)
        count = min(limit, len(window))
        return (window[-count] if count else self._clock()), count

    def _current(self, key: str, seconds: int) -> deque[float]:
        """The key's window, without what is over."""
        window = self._windows.setdefault(key, deque())
        self._windows.move_to_end(key)
        if len(self._windows) > self._most_keys:
            self._windows.popitem(last=False)
        over = self._clock() - seconds
        while window and window[0] < over:
            window.popleft()
        return window


@asynccontextmanager
async def open_limiter(redis_url: str | None, *, refuse_when_away: bool) -> AsyncIterator[Limiter]:
    """Counts in Redis or Valkey where there is one, else in this process."""
    if redis_url is None:
        yield Limiter(MemoryWindows(), None)
        return
    pool = BlockingConnectionPool.from_url(
        redis_url,
        max_connections=MOST_CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), retries=0),
        # With them on, redis-py takes connections out of its pool without a look whether they have ended.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    # Given a pool, the library needs no URL, of which it would not read all that redis-py does.
    windows = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix="easel:limits",
        connection_pool=pool,  # type: ignore[arg-type]  # which its documentation offers, and its types forget
    )
    try:
        yield Limiter(windows, None if refuse_when_away else MemoryWindows())
    finally:
        await pool.disconnect()
