"""
The client's process: watches, publishes, measures. It reads a job and writes what it measured, as lines of JSON.

Events are published by the watchers' own process, so that their time on the way is read from one clock.
"""

import asyncio
import itertools
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

import msgspec
import uvloop

from benchmarks.streams.crowd import Crowd, Failed, until_quiet
from benchmarks.streams.delays import Delays
from benchmarks.streams.jobs import READY, Job, Kind, Measure, Told
from benchmarks.streams.processes import cpu_seconds, held_ports, resident_kib
from benchmarks.streams.publishing import Publisher

IN_FLIGHT = 2
WARM_SECONDS = 1.0
PAUSE_SECONDS = 0.03
STALLED_EVENT_BYTES = 8_192
STALLED_PAUSE_SECONDS = 0.01
STALLED_LOOK_SECONDS = 0.25
STALLED_RECEIVE_BYTES = 65_536
STALLED_MOST_SECONDS = 30.0
STALLED_MOST_MIB = 1_024.0  # of all together: then it is without bound, and no longer waited for
AFTERWARDS_SECONDS = 5.0
_OCCURRED = re.compile(rb'"occurredAt": ?"([^"]+)"')


async def main(job: Job) -> Told:
    publisher = await Publisher.connected(job.bus_port, job.seqs)
    measures = {Measure.FAN_OUT: _fan_out, Measure.STALLED: _stalled, Measure.REAL: _real}
    try:
        return await measures[job.measure](job, publisher)
    except (Failed, TimeoutError, OSError) as failure:
        return Told(failure=str(failure) or type(failure).__name__)


async def _fan_out(job: Job, publisher: Publisher) -> Told:
    told = Told()
    kib, used = resident_kib(job.pid), cpu_seconds(job.pid)
    crowd = await Crowd.assembled(job, publisher, job.watchers)
    await until_quiet(job.pid)
    told.connect_micros = (cpu_seconds(job.pid) - used) * 1e6 / job.watchers
    await crowd.all_hear()
    told.idle_kib = (resident_kib(job.pid) - kib) / job.watchers
    await _closed_loop(job, crowd, told, WARM_SECONDS)  # node compiles what it has seen often
    await _closed_loop(job, crowd, told, job.seconds)
    await until_quiet(job.pid)
    delays = await _one_at_a_time(job, crowd, _after(job.seconds), PAUSE_SECONDS, padding=0)
    told.p50_ms, told.p99_ms = delays.p50_p99_ms()
    return told


async def _closed_loop(job: Job, crowd: Crowd, told: Told, seconds: float) -> None:
    """As many deliveries as there can be, while a new event is published for each that all have got."""
    tally, topics, due = crowd.tally, itertools.cycle(job.topics), deque[int]()
    first = expected = tally.delivered
    tally.received_bytes = 0
    began, server, own = time.monotonic(), cpu_seconds(job.pid), time.process_time()
    while time.monotonic() - began < seconds:
        # A state may be skipped for a newer one: of those, one is on its way at a time.
        while len(due) < (1 if job.kind is Kind.RUN else IN_FLIGHT):
            expected += crowd.publish(next(topics))
            due.append(expected)
        await crowd.reach(due.popleft())
    await crowd.reach(expected)
    took, count = time.monotonic() - began, tally.delivered - first
    server, own = cpu_seconds(job.pid) - server, time.process_time() - own
    told.deliveries_per_second, told.server_micros = count / took, server * 1e6 / count
    told.server_share, told.client_share = server / took, own / took
    told.message_bytes = tally.received_bytes / count


async def _one_at_a_time(
    job: Job, crowd: Crowd, until: Callable[[], bool], pause_seconds: float, padding: int
) -> Delays:
    """Each is published once all have got the one before."""
    delays = Delays()
    for topic in itertools.cycle(job.topics):
        published = time.monotonic_ns()
        crowd.tally.told = partial(delays.count, published)
        await crowd.reach(crowd.tally.delivered + crowd.publish(topic, padding))
        if until():
            break
        await asyncio.sleep(pause_seconds)
    crowd.tally.told = None
    return delays


async def _stalled(job: Job, publisher: Publisher) -> Told:
    """Some follow the same as the others, and never read."""
    told = Told()
    crowd = await Crowd.assembled(job, publisher, job.watchers)
    await crowd.all_hear()
    told.p50_ms, told.p99_ms = (await _large_events(job, crowd, _after(job.seconds))).p50_p99_ms()
    lazy = await Crowd.assembled(job, publisher, job.stalled, STALLED_RECEIVE_BYTES)
    for watcher in lazy.watchers:
        watcher.stall()
    watching = asyncio.create_task(_watch(job, lazy, told))
    told.stalled_p50_ms, told.stalled_p99_ms = (await _large_events(job, crowd, watching.done)).p50_p99_ms()
    await watching
    told.codes = await _codes(lazy)
    return told


async def _large_events(job: Job, crowd: Crowd, until: Callable[[], bool]) -> Delays:
    return await _one_at_a_time(job, crowd, until, STALLED_PAUSE_SECONDS, STALLED_EVENT_BYTES)


async def _watch(job: Job, lazy: Crowd, told: Told) -> None:
    """When the server lets go of them, and how much memory they take at most until then."""
    began, kib, most = time.monotonic(), resident_kib(job.pid), 0.0
    left = set(lazy.watchers)
    while left and most * job.stalled < STALLED_MOST_MIB and time.monotonic() - began < STALLED_MOST_SECONDS:
        await asyncio.sleep(STALLED_LOOK_SECONDS)
        most = max(most, (resident_kib(job.pid) - kib) / 1024 / job.stalled)
        held = held_ports(job.port)
        cut = {watcher for watcher in left if watcher.port not in held}
        told.gone_after_seconds += [time.monotonic() - began] * len(cut)
        left -= cut
    told.stalled_mib = most


async def _codes(lazy: Crowd) -> dict[str, int]:
    """How many were closed with which code, as they find when they read again after all."""
    for watcher in lazy.watchers:
        watcher.read_on()
    await asyncio.wait([watcher.closed for watcher in lazy.watchers], timeout=AFTERWARDS_SECONDS)
    found = (str(watcher.closed.result()) if watcher.closed.done() else "still open" for watcher in lazy.watchers)
    return dict(Counter(found))


async def _real(job: Job, publisher: Publisher) -> Told:
    """What runs tell while workers work on them: every event, and how long after it happened."""
    told, delays = Told(), Delays()
    crowd = await Crowd.assembled(job, publisher, job.watchers)
    await until_quiet(job.pid)
    _say(READY)
    await crowd.all_have_heard()
    crowd.tally.told = lambda _, message: delays.nanoseconds.append(_nanoseconds_since_it_occurred(message))
    first, used = crowd.tally.delivered, cpu_seconds(job.pid)
    _say(READY)
    told.events = int(await asyncio.to_thread(sys.stdin.readline))
    with suppress(Failed):
        await crowd.reach(first + told.events * job.watchers)
    count = crowd.tally.delivered - first
    told.missing = told.events * job.watchers - count
    told.server_micros = (cpu_seconds(job.pid) - used) * 1e6 / max(count, 1)
    told.p50_ms, told.p99_ms = delays.p50_p99_ms()
    return told


def _nanoseconds_since_it_occurred(message: bytes) -> int:
    found = _OCCURRED.search(message)
    occurred = datetime.fromisoformat(found[1].decode()).timestamp() if found else 0.0
    return int((time.time() - occurred) * 1e9)


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _say(msgspec.json.encode(uvloop.run(main(msgspec.json.decode(sys.stdin.readline(), type=Job)))) + b"\n")
