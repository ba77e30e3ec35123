"""Rate limits: exact in memory, in Valkey and across processes; and what happens while Valkey is away."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from domain.errors import DomainError, ErrorCode
from gateway.limits import AWAY_SECONDS, Limiter, LimitState, RateLimit, open_limiter
from gateway.patience import patience
from gateway.windows import MemoryWindows
from tests.servers.narrow_link import narrow_link
from tests.servers.stalling_proxy import stalling_proxy
from tests.servers.valkey_process import ValkeyProcess, start_valkey

ROOT = Path(__file__).parents[2]
ANSWER_LIMIT_SECONDS = 0.25
TEN = RateLimit(10, 3_600)
PROCESSES, THREADS, HITS = 4, 4, 50


@pytest.fixture(scope="module")
def lasting_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    """For tests that leave it running; each counts under keys of its own."""
    with start_valkey(tmp_path_factory.mktemp("valkey")) as process:
        yield process


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    with start_valkey(tmp_path / "valkey") as process:
        yield process


@pytest.fixture(params=["memory", "valkey"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    url = request.getfixturevalue("lasting_valkey").url if request.param == "valkey" else None
    async with open_limiter(url, refuse_when_away=True) as one:
        yield one


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return f"key/{request.node.name}"


async def test_the_tenth_hit_is_let_through_and_the_eleventh_is_not(limiter: Limiter, key: str) -> None:
    states = [await limiter.hit(key, TEN) for _ in range(11)]
    assert [state.allowed for state in states] == [True] * 10 + [False]
    assert [state.remaining for state in states] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert all(3_590 < state.reset_seconds <= 3_600 for state in states)


async def test_one_key_does_not_count_for_another(limiter: Limiter, key: str) -> None:
    assert not (await _refused(limiter, key, RateLimit(1, 60))).allowed
    assert (await limiter.hit(f"{key}/other", RateLimit(1, 60))).allowed


async def _refused(limiter: Limiter, key: str, limit: RateLimit) -> LimitState:
    state = await limiter.hit(key, limit)
    while state.allowed:
        state = await limiter.hit(key, limit)
    return state


async def test_a_cost_is_taken_whole_or_not_at_all(limiter: Limiter, key: str) -> None:
    taken = [(await limiter.hit(key, TEN, cost)) for cost in (4, 7, 5, 2, 1, 1)]
    assert [(state.allowed, state.remaining) for state in taken] == [
        (True, 6),
        (False, 6),
        (True, 1),
        (False, 1),
        (True, 0),
        (False, 0),
    ]


async def test_what_costs_more_than_the_limit_is_never_let_through(limiter: Limiter, key: str) -> None:
    assert not (await limiter.hit(key, TEN, 11)).allowed
    assert (await limiter.hit(key, TEN, 10)).allowed


async def test_looking_costs_nothing(limiter: Limiter, key: str) -> None:
    fresh = await limiter.hit(key, TEN, 0)
    assert (fresh.remaining, fresh.reset_seconds, fresh.allowed) == (10, 0, True)
    await limiter.hit(key, TEN, 3)
    assert [(await limiter.hit(key, TEN, 0)).remaining for _ in range(20)] == [7] * 20


async def test_after_as_many_seconds_as_were_told_the_same_is_let_through(limiter: Limiter, key: str) -> None:
    limit = RateLimit(3, 2)
    await limiter.hit(key, limit, 1)
    await asyncio.sleep(1)  # time has to pass
    await limiter.hit(key, limit, 2)
    one, two = await limiter.hit(key, limit, 1), await limiter.hit(key, limit, 2)
    assert (one.allowed, one.reset_seconds) == (False, 1)
    assert (two.allowed, two.reset_seconds) == (False, 2)
    await asyncio.sleep(one.reset_seconds)  # as was told
    assert (await limiter.hit(key, limit, 1)).allowed
    assert not (await limiter.hit(key, limit, 1)).allowed


async def test_another_amount_counts_what_was_taken_before(limiter: Limiter, key: str) -> None:
    await _refused(limiter, key, TEN)
    assert not (await limiter.hit(key, RateLimit(5, 3_600))).allowed
    assert [(await limiter.hit(key, RateLimit(12, 3_600))).allowed for _ in range(3)] == [True, True, False]


async def test_of_many_hits_at_once_just_the_limit_is_let_through(limiter: Limiter, key: str) -> None:
    states = await asyncio.gather(*(limiter.hit(key, RateLimit(100, 60)) for _ in range(300)))
    assert sum(state.allowed for state in states) == 100


async def test_many_hits_at_once_share_their_round_trips(lasting_valkey: ValkeyProcess, key: str) -> None:
    async with narrow_link(lasting_valkey.port, pause_seconds=0.01) as link:
        url = lasting_valkey.url.replace(str(lasting_valkey.port), str(link.port))
        async with open_limiter(url, refuse_when_away=True) as limiter:
            await limiter.hit(f"{key}/first", TEN)  # the scripts are there
            states = await asyncio.gather(*(timed(limiter, key, RateLimit(100, 60)) for _ in range(300)))
    assert sum(state.allowed for state in states) == 100


async def test_a_hit_whose_caller_has_gone_is_not_taken(lasting_valkey: ValkeyProcess, key: str) -> None:
    async with open_limiter(lasting_valkey.url, refuse_when_away=True) as limiter:
        await limiter.hit(key, TEN)
        gone = asyncio.create_task(limiter.hit(key, TEN))
        await asyncio.sleep(0)  # it waits to be asked for
        gone.cancel()
        assert (await limiter.hit(key, TEN, 0)).remaining == 9


@pytest.mark.parametrize("way", ["hit", "spend"])
def test_four_processes_with_four_threads_each_are_let_through_exactly_the_limit(
    valkey: ValkeyProcess, way: str
) -> None:
    amount = PROCESSES * THREADS * HITS // 2
    words = [way, valkey.url, str(amount), str(THREADS), str(HITS)]
    command = [sys.executable, "-m", "tests.gateway.hitting", *words]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen(command, cwd=ROOT, **pipes)) for _ in range(PROCESSES)]
        assert [told(process) for process in processes] == ["ready"] * PROCESSES
        for process in processes:
            tell(process, "go")
        assert sum(int(told(process)) for process in processes) == amount


def told(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdin
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), max_size=60),
    st.integers(1, 10),
    st.integers(1, 60),
)
def test_no_stretch_of_time_sees_more_than_the_limit(hits: list[tuple[int, int]], amount: int, seconds: int) -> None:
    now = 0.0
    windows = MemoryWindows(clock=lambda: now)
    taken: list[float] = []
    for pause, cost in hits:
        now += pause
        free = amount - sum(moment >= now - seconds for moment in taken)
        allowed = asyncio.run(windows.acquire_entry("key", amount, seconds, cost))
        assert allowed == (cost <= free)
        taken += [now] * cost * allowed


async def test_memory_keeps_so_many_keys_and_lets_go_of_the_one_unused_for_longest() -> None:
    limiter = Limiter(MemoryWindows(most_keys=3), None)
    one = RateLimit(1, 60)
    for name in ("a", "b", "c", "a", "d"):
        await limiter.hit(name, one)
    assert [(await limiter.hit(name, one, 0)).remaining for name in ("a", "c", "d")] == [0, 0, 0]
    assert (await limiter.hit("b", one)).allowed


async def timed(limiter: Limiter, key: str, limit: RateLimit = TEN) -> LimitState:
    """A hit, answered in time whatever the answer."""
    async with patience(ANSWER_LIMIT_SECONDS):
        return await limiter.hit(key, limit)


async def counted_together(one: Limiter, other: Limiter) -> None:
    """Returns once what one takes is missing for the other."""
    async with asyncio.timeout(AWAY_SECONDS + 2):
        for number in range(1_000_000):
            await one.hit(f"together/{number}", TEN)
            if (await other.hit(f"together/{number}", TEN, 0)).remaining == 9:
                return
            await asyncio.sleep(0.01)  # Valkey is tried again by the clock


async def test_while_valkey_is_away_each_process_counts_alone_and_then_together_again(valkey: ValkeyProcess) -> None:
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(open_limiter(valkey.url, refuse_when_away=False)) for _ in range(2)
        ]
        await counted_together(one, other)
        for _ in range(2):
            valkey.kill()
            for limiter in (one, other):
                states = [await timed(limiter, "away", RateLimit(5, 1)) for _ in range(6)]
                assert [state.allowed for state in states] == [True] * 5 + [False]
            valkey.start()
            await counted_together(one, other)


async def test_while_valkey_is_away_nobody_is_let_in_where_that_is_wanted(valkey: ValkeyProcess) -> None:
    async with open_limiter(valkey.url, refuse_when_away=True) as limiter:
        assert (await limiter.hit("refused", TEN)).allowed
        valkey.kill()
        with capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(DomainError) as refused:
                    await timed(limiter, "refused")
        assert (refused.value.code, refused.value.details) == (ErrorCode.UNAVAILABLE, {"retryAfter": 1})
        assert [line["event"] for line in logs] == ["limits_unavailable"]
        valkey.start()
        await asyncio.sleep(AWAY_SECONDS)  # as was told
        assert (await timed(limiter, "refused")).allowed


async def test_a_valkey_that_goes_quiet_holds_nobody_up(valkey: ValkeyProcess) -> None:
    async with stalling_proxy(valkey.port) as proxy:
        url = valkey.url.replace(str(valkey.port), str(proxy.port))
        async with open_limiter(url, refuse_when_away=False) as limiter:
            assert (await limiter.hit("quiet", TEN)).remaining == 9
            proxy.stall()
            assert [(await timed(limiter, "quiet")).remaining for _ in range(3)] == [9, 8, 7]
            await asyncio.sleep(AWAY_SECONDS)  # until it is asked again
            assert (await limiter.hit("quiet", TEN)).remaining == 8


async def test_a_valkey_behind_a_slow_link_holds_nobody_up(lasting_valkey: ValkeyProcess, key: str) -> None:
    async with narrow_link(lasting_valkey.port, pause_seconds=0.15) as link:
        url = lasting_valkey.url.replace(str(lasting_valkey.port), str(link.port))
        async with open_limiter(url, refuse_when_away=False) as limiter:
            assert [(await timed(limiter, key)).remaining for _ in range(3)] == [9, 8, 7]


async def test_a_restart_between_two_hits_goes_unnoticed(valkey: ValkeyProcess) -> None:
    async with open_limiter(valkey.url, refuse_when_away=True) as limiter:
        assert (await limiter.hit("restart", TEN)).allowed
        valkey.kill()
        await asyncio.to_thread(valkey.start)
        assert (await timed(limiter, "restart")).allowed


async def test_a_valkey_that_was_never_there_is_waited_for_by_nobody(valkey: ValkeyProcess) -> None:
    valkey.kill()
    async with open_limiter(valkey.url, refuse_when_away=False) as limiter:
        assert (await timed(limiter, "early")).remaining == 9
        assert (await timed(limiter, "early")).remaining == 8


def test_a_state_is_told_in_headers() -> None:
    told = {"RateLimit-Limit": "100", "RateLimit-Reset": "1200", "RateLimit-Policy": "100;w=3600"}
    limit = RateLimit(100, 3_600)
    assert LimitState(limit, 37, 1_200, allowed=True).headers == told | {"RateLimit-Remaining": "37"}
    refused = told | {"RateLimit-Remaining": "0", "Retry-After": "1200"}
    assert LimitState(limit, 0, 1_200, allowed=False).headers == refused


def test_a_refusal_says_when_to_try_again() -> None:
    LimitState(TEN, 0, 42, allowed=True).require()
    for code in (ErrorCode.RATE_LIMITED, ErrorCode.IP_RATE_LIMIT_EXCEEDED):
        with pytest.raises(DomainError) as refused:
            LimitState(TEN, 0, 42, allowed=False).require(code)
        assert refused.value.message == "Rate limit exceeded. Try again in 42 seconds"
        assert (refused.value.code, refused.value.http_status, refused.value.details) == (code, 429, {"retryAfter": 42})
