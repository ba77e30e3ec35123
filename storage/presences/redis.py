"""
Presences of all processes, in Redis or Valkey.

Each project has a hash of its presences and a sorted set of when each is over, by the server's own clock: a time to
live for single fields of a hash is not to be had everywhere. Scripts change both together; whoever looks sweeps out
what is over, and where nobody looks any more, both keys end by themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.presence import MOST_PRESENT, Presence, by_coming, crowded

ANSWER_SECONDS = 1.0
MOST_CONNECTIONS = 16
KEPT_AT_ONCE = 1_000

_encode = msgspec.json.encode
_decoder = msgspec.json.Decoder(Presence)

# A presence is written as its version, a blank, and its JSON.
_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function sweep(room, ends)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
    redis.call('HDEL', room, id)
    redis.call('ZREM', ends, id)
  end
end
local function version(room, ends, id)
  local ending = redis.call('ZSCORE', ends, id)
  local written = ending and tonumber(ending) > now and redis.call('HGET', room, id)
  return written and tonumber(string.match(written, '^%d+'))
end
local function extend(room, ends, id, milliseconds)
  redis.call('ZADD', ends, now + milliseconds, id)
  if redis.call('PTTL', ends) < milliseconds then
    redis.call('PEXPIRE', room, milliseconds)
    redis.call('PEXPIRE', ends, milliseconds)
  end
end
"""
_PUT = """
local room, ends, id, milliseconds, most = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local known = version(room, ends, id)
if not known then
  sweep(room, ends)
  if redis.call('ZCARD', ends) >= most then return 0 end
end
if not known or known <= tonumber(ARGV[2]) then
  redis.call('HSET', room, id, ARGV[2] .. ' ' .. ARGV[3])
  extend(room, ends, id, milliseconds)
end
return 1
"""
_KEEP = """
local missing, milliseconds = {}, tonumber(ARGV[1])
for place = 1, #KEYS / 2 do
  local room, ends, id, wanted = KEYS[2 * place - 1], KEYS[2 * place], ARGV[2 * place], tonumber(ARGV[2 * place + 1])
  local known = version(room, ends, id)
  if known and known >= wanted then extend(room, ends, id, milliseconds) else missing[#missing + 1] = place end
end
return missing
"""
_REMOVE = """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""
_OF = """
sweep(KEYS[1], KEYS[2])
local ids = redis.call('ZRANGE', KEYS[2], 0, -1)
return #ids > 0 and redis.call('HMGET', KEYS[1], unpack(ids)) or {}
"""


class RedisPresences:
    """A server that is away, or too slow, is UNAVAILABLE within ANSWER_SECONDS."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), retries=0),
            # With them on, redis-py takes connections out of its pool without a look whether they have ended.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        self._redis = Redis.from_pool(pool)
        self._put = self._redis.register_script(_COMMON + _PUT)
        self._keep = self._redis.register_script(_COMMON + _KEEP)
        self._remove = self._redis.register_script(_REMOVE)
        self._of = self._redis.register_script(_COMMON + _OF)

    async def close(self) -> None:
        await self._redis.aclose()

    async def put(self, presence: Presence, seconds: float) -> None:
        given = (presence.connection_id, presence.version, _encode(presence), _milliseconds(seconds), MOST_PRESENT)
        async with _in_time():
            found_room = await self._put(_keys(presence.project_id), given)
        if not found_room:
            raise crowded()

    async def keep(self, presences: Sequence[Presence], seconds: float) -> list[Presence]:
        missing: list[Presence] = []
        for start in range(0, len(presences), KEPT_AT_ONCE):
            some = presences[start : start + KEPT_AT_ONCE]
            keys = [key for presence in some for key in _keys(presence.project_id)]
            given = [word for presence in some for word in (presence.connection_id, presence.version)]
            async with _in_time():
                missing += [some[place - 1] for place in await self._keep(keys, [_milliseconds(seconds), *given])]
        return missing

    async def remove(self, project_id: Id, connection_id: Id) -> None:
        async with _in_time():
            await self._remove(_keys(project_id), (connection_id,))

    async def of(self, project_id: Id) -> list[Presence]:
        async with _in_time():
            written = await self._of(_keys(project_id))
        return sorted((_decoder.decode(one.partition(b" ")[2]) for one in written if one), key=by_coming)


def _keys(project_id: Id) -> tuple[str, str]:
    return f"easel:presence:{project_id}", f"easel:presence:{project_id}:ends"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1_000)


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    before = _cancellations()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except Exception as error:  # a reader that hangs up under a writer makes redis-py raise anything
        _stop_if_canceled(before)
        message = "Who is present cannot be asked just now: try again shortly"
        raise DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=1) from error
    _stop_if_canceled(before)


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _stop_if_canceled(before: int) -> None:
    """A library's wait may swallow that its task was canceled, which then would go on for ever."""
    if _cancellations() > before:
        raise asyncio.CancelledError
