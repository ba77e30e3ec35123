"""Clients that read nothing cost little, are gone soon, and nobody else notices them."""

import asyncio
import logging
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.seed import DevelopmentKey
from tests.faults.callers import until
from tests.faults.plain_sockets import PlainSocket, Speech, subscribed
from tests.faults.processes import Home
from tests.faults.telling import EVENTS_AT_ONCE, RUNS, Teller, telling
from tests.servers.valkey_process import ValkeyProcess, start_valkey

STUCK, GOOD, PER_SECOND = 60, 20, 300
BEFORE_SECONDS, WAKES_AFTER_SECONDS, READS_AT_LAST_SECONDS, CLOSED_SECONDS = 2.5, 4.0, 10.5, 15.0
MOST_KIB_EACH, NOISE_SECONDS, MOMENT_SECONDS, POLL_SECONDS = 2_048, 0.05, 0.5, 0.05
RECEIVE_BUFFER_BYTES = 4_096

log = logging.getLogger(__name__)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    with start_valkey(tmp_path / "valkey") as process:
        yield process


@dataclass(slots=True)
class Good:
    """Reads all it gets, and notes when each event came, and how long it took."""

    socket: PlainSocket
    delays: list[tuple[float, float]] = field(default_factory=list)

    async def listen(self) -> None:
        while not self.socket.is_over:
            before = len(self.socket.heard)
            await self.socket.read()
            now = time.monotonic()
            self.delays += [(now, now - payload["at"]) for payload in self.socket.heard[before:]]


@dataclass(slots=True)
class Server:
    """What is seen of a process from outside."""

    pid: int
    port: int
    most_kib: int = 0
    kib_before: int = 0

    @property
    def connections(self) -> int:
        """Those to its port that it still holds: what it let go of, the kernel may go on sending."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        return sum(int(row[1].partition(":")[2], 16) == self.port and row[9] != "0" for row in rows)

    @property
    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    @property
    def grown_kib(self) -> int:
        return self.most_kib - self.kib_before

    def begin(self) -> None:
        self.most_kib = self.kib_before = self.resident_kib

    async def watch(self) -> None:
        while True:
            self.most_kib = max(self.most_kib, self.resident_kib)
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def busy(home: Home, valkey: ValkeyProcess) -> AsyncIterator[tuple[Server, DevelopmentKey, Teller, list[Good]]]:
    """A server, a project in which much happens, and some who listen to that."""
    database_url = home.settings["EASEL_DATABASE_URL"]
    with home.serving("--workers", "0") as process, ExitStack() as sockets:
        key = home.key()
        good = [Good(await subscribed(sockets, key, list(Speech)[place % 3])) for place in range(GOOD)]
        async with asyncio.TaskGroup() as tasks, telling(key.projectId, database_url, valkey.url) as teller:
            server = Server(process.pid, urlsplit(process.url).port or 0)
            going_on = [tasks.create_task(one.listen()) for one in good]
            await until(lambda: _all_hear(teller, good))
            going_on += [tasks.create_task(teller.go_on(PER_SECOND)), tasks.create_task(server.watch())]
            yield server, key, teller, good
            for task in going_on:
                task.cancel()


async def _all_hear(teller: Teller, good: Sequence[Good]) -> bool:
    await teller.tell()
    return all(one.socket.heard for one in good)


@pytest.mark.slow
async def test_those_that_never_read_cost_little_are_gone_soon_and_harm_nobody(
    tmp_path: Path, database_url: str, valkey: ValkeyProcess
) -> None:
    home = Home(tmp_path, {"EASEL_DATABASE_URL": database_url, "EASEL_REDIS_URL": valkey.url})
    async with busy(home, valkey) as (server, key, teller, good):
        await asyncio.sleep(BEFORE_SECONDS)
        delay_before, others = _delay(good), server.connections
        async with stuck(server, key) as sockets:
            began = time.monotonic()
            await _wake(sockets.slow, sockets.late)
            while server.connections > others + len(sockets.slow):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(POLL_SECONDS)
            seconds, kib_each = time.monotonic() - began, server.grown_kib / STUCK
            last, delay = teller.told, _delay(good)
            await asyncio.gather(*(one.read_until(last) for one in sockets.slow))
    log.info("%.0f KiB each, gone after %.1f s, of %d events", kib_each, seconds, last)
    log.info("p95 %.1f ms before, %.1f ms meanwhile", 1e3 * delay_before, 1e3 * delay)
    assert kib_each <= MOST_KIB_EACH
    assert seconds <= CLOSED_SECONDS
    assert delay <= 1.2 * delay_before + NOISE_SECONDS
    for numbers in (one.socket.numbers for one in good):
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[-1] >= last - 5 * EVENTS_AT_ONCE
    assert [one.close_code for one in sockets.late] == [4420] * len(sockets.late)
    for one in (*sockets.late, *sockets.slow):
        assert one.numbers == sorted(set(one.numbers))
    for one in sockets.slow:
        _caught_up(one)
    assert "Traceback" not in home.errors.read_text()


@dataclass(slots=True)
class Stuck:
    """`late` read when it is too late, `slow` while there is still time, and all others never."""

    never: list[PlainSocket]

    @property
    def slow(self) -> list[PlainSocket]:
        return self.never[: len(Speech)]

    @property
    def late(self) -> list[PlainSocket]:
        return [one for one in self.never[len(Speech) : STUCK // 4] if one.speech is not Speech.SOURCE]


@asynccontextmanager
async def stuck(server: Server, key: DevelopmentKey) -> AsyncIterator[Stuck]:
    server.begin()
    with ExitStack() as stack:
        yield Stuck(
            [
                await subscribed(stack, key, list(Speech)[place % 3], receive_bytes=RECEIVE_BUFFER_BYTES)
                for place in range(STUCK)
            ]
        )


async def _wake(slow: Sequence[PlainSocket], late: Sequence[PlainSocket]) -> None:
    await asyncio.sleep(WAKES_AFTER_SECONDS)
    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(one.read_on()) for one in slow]
        await asyncio.sleep(READS_AT_LAST_SECONDS - WAKES_AFTER_SECONDS)
        await asyncio.gather(*(one.read_on() for one in late))
        for task in reading:
            task.cancel()


def _caught_up(slow: PlainSocket) -> None:
    """In order, with gaps where only the newest of each run was kept, and soon with everything again."""
    numbers = slow.numbers
    gaps = [place for place in range(1, len(numbers)) if numbers[place] != numbers[place - 1] + 1]
    log.info(
        "%s slept and heard %d, with %d gaps, from %d to %d",
        slow.speech,
        len(numbers),
        len(gaps),
        numbers[0],
        numbers[-1],
    )
    assert not slow.is_over
    assert 1 <= len(gaps) <= RUNS + 1


def _delay(good: Sequence[Good]) -> float:
    """
    What 95 of 100 events took at most, in half of the moments since it was asked last.

    Other processes of this machine may take a moment; whatever a server does to its clients lasts.
    """
    moments: dict[int, list[float]] = defaultdict(list)
    for one in good:
        for at, delay in one.delays:
            moments[int(at / MOMENT_SECONDS)].append(delay)
        one.delays.clear()
    return statistics.median(statistics.quantiles(delays, n=20)[-1] for delays in moments.values() if len(delays) > 1)
