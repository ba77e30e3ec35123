"""Budgets: amounts too large to be remembered one by one are kept as one number, and one question to Valkey."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from gateway.limits import MOST_REMEMBERED_HITS, Limiter, RateLimit, open_limiter
from gateway.windows import MemoryWindows
from tests.gateway.stretches import early_in_its_stretch
from tests.servers.valkey_process import ValkeyProcess, start_valkey

BUDGET = RateLimit(1_000_000, 3_600)
ASKS = 20


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    """For all tests; each counts under keys of its own."""
    with start_valkey(tmp_path_factory.mktemp("valkey")) as process:
        yield process


@pytest.fixture
async def redis(valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey.url) as client:
        yield client


@pytest.fixture(params=["memory", "valkey"])
async def limiter(request: pytest.FixtureRequest, valkey: ValkeyProcess) -> AsyncIterator[Limiter]:
    async with open_limiter(valkey.url if request.param == "valkey" else None, refuse_when_away=True) as one:
        yield one


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return f"budget/{request.node.name}"


async def test_a_cost_is_taken_whole_or_not_at_all(limiter: Limiter, key: str) -> None:
    costs = (400_000, 700_000, 500_000, 200_000, 100_000, 1)
    states = [await limiter.spend(key, BUDGET, cost) for cost in costs]
    assert [(state.allowed, state.remaining) for state in states] == [
        (True, 600_000),
        (False, 600_000),
        (True, 100_000),
        (False, 100_000),
        (True, 0),
        (False, 0),
    ]
    assert all(0 < state.reset_seconds <= 3_600 for state in states)


async def test_what_costs_more_than_the_budget_is_never_let_through(limiter: Limiter, key: str) -> None:
    assert not (await limiter.spend(key, BUDGET, 1_000_001)).allowed
    assert (await limiter.spend(key, BUDGET, 1_000_000)).remaining == 0


async def test_looking_costs_nothing(limiter: Limiter, key: str) -> None:
    fresh = await limiter.spend(key, BUDGET, 0)
    assert (fresh.remaining, fresh.reset_seconds, fresh.allowed) == (1_000_000, 0, True)
    await limiter.spend(key, BUDGET, 3)
    assert [(await limiter.spend(key, BUDGET, 0)).remaining for _ in range(20)] == [999_997] * 20


async def test_after_as_many_seconds_as_were_told_all_of_it_is_there_again(limiter: Limiter, key: str) -> None:
    budget = RateLimit(3, 2)
    await early_in_its_stretch(key, 2, room_seconds=1)
    assert (await limiter.spend(key, budget, 3)).allowed
    refused = await limiter.spend(key, budget, 1)
    assert (refused.allowed, refused.remaining) == (False, 0)
    await asyncio.sleep(refused.reset_seconds)
    assert (await limiter.spend(key, budget, 3)).allowed


async def test_of_many_at_once_just_the_budget_is_let_through(limiter: Limiter, key: str) -> None:
    states = await asyncio.gather(*(limiter.spend(key, RateLimit(100, 3_600)) for _ in range(300)))
    assert sum(state.allowed for state in states) == 100


async def test_the_sum_is_all_that_is_kept_however_large_the_cost(
    valkey: ValkeyProcess, redis: Redis, key: str
) -> None:
    async with open_limiter(valkey.url, refuse_when_away=True) as limiter:
        await limiter.spend(key, BUDGET, 900_000)
        await limiter.hit(f"{key}/hits", RateLimit(MOST_REMEMBERED_HITS + 1, 3_600))
        await limiter.hit(f"{key}/few", RateLimit(MOST_REMEMBERED_HITS, 3_600))
    names = sorted([name async for name in redis.scan_iter(f"*{key}*")])
    assert sorted([await redis.type(name) for name in names]) == [b"list", b"string", b"string"]
    assert all([0 < await redis.ttl(name) <= 7_200 for name in names])
    windows = MemoryWindows()
    alone = Limiter(windows, None)
    await alone.spend(key, BUDGET, 900_000)
    assert (len(windows._counters), len(windows._windows)) == (1, 0)


async def test_what_is_let_through_takes_one_question(valkey: ValkeyProcess, redis: Redis, key: str) -> None:
    async with open_limiter(valkey.url, refuse_when_away=True) as limiter:
        await limiter.spend(key, BUDGET, 5)
        await redis.config_resetstat()
        for _ in range(ASKS):
            assert (await limiter.spend(key, BUDGET, 5)).allowed
    asked = {name: found["calls"] for name, found in (await redis.info("commandstats")).items()}
    assert asked["cmdstat_evalsha"] == ASKS
    assert not {"cmdstat_get", "cmdstat_script|load"} & set(asked)


async def test_memory_keeps_so_many_budgets_and_lets_go_of_the_one_unused_for_longest() -> None:
    limiter = Limiter(MemoryWindows(most_keys=3), None)
    one = RateLimit(1, 3_600)
    for name in ("a", "b", "c", "a", "d"):
        await limiter.spend(name, one)
    assert [(await limiter.spend(name, one, 0)).remaining for name in ("a", "c", "d")] == [0, 0, 0]
    assert (await limiter.spend("b", one)).allowed
