"""Many watchers of one server, who all get what is published."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from benchmarks.streams.jobs import Job, Kind, Topic
from benchmarks.streams.processes import cpu_seconds
from benchmarks.streams.publishing import Publisher
from benchmarks.streams.speech import SPEECHES
from benchmarks.streams.watchers import Tally, Watcher

CONNECTING = 50
LIMIT_SECONDS = 30.0
HEARINGS, HEARING_SECONDS = 6, 5.0
QUIET_SECONDS, QUIET_POLLS = 0.1, 4


class Failed(Exception):
    """Why nothing could be measured, in a sentence."""


class Crowd:
    def __init__(self, job: Job, watchers: Sequence[Watcher], tally: Tally, publisher: Publisher) -> None:
        self.watchers, self.tally = watchers, tally
        self._job, self._publisher = job, publisher
        self._listening = Counter(watcher.topic for watcher in watchers)

    @classmethod
    async def assembled(cls, job: Job, publisher: Publisher, count: int, receive_bytes: int | None = None) -> "Crowd":
        """So many, connected and subscribing; the kernel keeps `receive_bytes` for each that has not read them."""
        tally, found = Tally(), []
        for first in range(0, count, CONNECTING):
            group = range(first, min(first + CONNECTING, count))
            made = await asyncio.gather(*(_connected(job, tally, number, receive_bytes) for number in group))
            async with asyncio.timeout(LIMIT_SECONDS):
                await asyncio.gather(*(watcher.subscribed.wait() for watcher in made))
            found += made
        if tally.failure:
            raise Failed(tally.failure)
        return cls(job, found, tally, publisher)

    async def all_hear(self) -> None:
        """Publish to each topic until every watcher has got the right thing; then it is subscribed."""
        await until_quiet(self._job.pid)
        for _ in range(HEARINGS):
            heard: dict[Watcher, bytes] = {}
            self.tally.told = heard.__setitem__
            newest = {topic: self._publisher.publish(topic) for topic in self._listening}
            with suppress(TimeoutError):
                await self.tally.reach(self.tally.delivered + len(self.watchers), HEARING_SECONDS)
            await until_quiet(self._job.pid)
            self.tally.told = None
            if len(heard) == len(self.watchers):
                return self._require(heard, newest)
        raise Failed(self.tally.failure or f"{len(heard)} of {len(self.watchers)} watchers heard of an event")

    async def all_have_heard(self) -> None:
        """Wait until every watcher has got something, whoever published it, and nothing more is on its way."""
        heard: set[Watcher] = set()
        self.tally.told = lambda watcher, _: heard.add(watcher)
        deadline = time.monotonic() + LIMIT_SECONDS
        while len(heard) < len(self.watchers) and time.monotonic() < deadline:
            await self.reach(self.tally.delivered + 1)
        await until_quiet(self._job.pid)
        if len(heard) < len(self.watchers):
            raise Failed(f"{len(heard)} of {len(self.watchers)} watchers heard of a run")

    def publish(self, topic: Topic, padding: int = 0) -> int:
        """How many deliveries this makes."""
        self._publisher.publish(topic, padding)
        return self._listening[topic]

    async def reach(self, delivered: int) -> None:
        try:
            await self.tally.reach(delivered, LIMIT_SECONDS)
        except TimeoutError:
            missing = delivered - self.tally.delivered
            raise Failed(self.tally.failure or f"{missing} deliveries did not come in {LIMIT_SECONDS:.0f} s") from None

    def _require(self, heard: dict[Watcher, bytes], newest: dict[Topic, int]) -> None:
        subject_of = SPEECHES[self._job.kind].subject_of
        for watcher, message in heard.items():
            subject = subject_of(json.loads(message))
            of_bus = self._job.kind is not Kind.RUN  # by `runUpdated` Easel tells what the database says
            if subject["id"] != watcher.topic.run_id or (of_bus and subject["version"] != newest[watcher.topic]):
                raise Failed(f"a watcher got something else: {message[:300]!r}")


async def until_quiet(pid: int) -> None:
    """Return once the process does nothing, or has been busy for too long."""
    deadline, polls, before = time.monotonic() + LIMIT_SECONDS, 0, -1.0
    while polls < QUIET_POLLS and time.monotonic() < deadline:
        used = cpu_seconds(pid)
        polls, before = (polls + 1 if used - before < QUIET_SECONDS / 5 else 0), used
        await asyncio.sleep(QUIET_SECONDS)


async def _connected(job: Job, tally: Tally, number: int, receive_bytes: int | None) -> Watcher:
    loop = asyncio.get_running_loop()
    topic = job.topics[number % len(job.topics)]
    one = socket.socket()
    one.setblocking(False)  # noqa: FBT003 - the standard library's own name
    if receive_bytes:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await loop.sock_connect(one, ("127.0.0.1", job.port))
    _, watcher = await loop.create_connection(lambda: Watcher(SPEECHES[job.kind], topic, tally, job.api_key), sock=one)
    return watcher
