"""A server that tells how long its event loop was held up; run, it is that server, until its input ends or a signal."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.cli.database import run
from app.logs import configure_logs
from app.parts import Parts
from app.seed import DevelopmentKey, development_key
from app.serving import running
from app.settings import Settings
from app.signals import stop_signal
from tests.faults.processes import ROOT

IDLE_SECONDS = 30.0
BEAT_SECONDS, POLL_SECONDS, LIMIT_SECONDS = 0.01, 0.05, 60.0


@dataclass(slots=True)
class Pulse:
    """
    What was seen since it was asked for last.

    `held_up_seconds` is the most that the loop's own thread was at work between two beats: what other processes of this
    machine take is not in it. `late_seconds` is the most by the clock.
    """

    held_up_seconds: float = 0.0
    late_seconds: float = 0.0
    resident_kib: int = 0
    sockets: int = 0
    attending: int = 0


@dataclass(slots=True)
class Beating:
    """Such a server, from outside."""

    process: Process
    key: DevelopmentKey
    errors: Path

    @property
    def url(self) -> str:
        return self.key.url

    async def pulse(self) -> Pulse:
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        return Pulse(**await _line(self.process))

    async def until(self, holds: Callable[[Pulse], bool], seconds: float) -> None:
        """What must be so after some seconds at the latest."""
        async with asyncio.timeout(seconds):
            while not holds(await self.pulse()):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(POLL_SECONDS)  # as said above

    async def idle(self) -> Pulse:
        """How it is once those of other tests have gone too."""
        await self.until(lambda pulse: (pulse.sockets, pulse.attending) == (0, 0), IDLE_SECONDS)
        return await self.pulse()

    def stop(self) -> None:
        """Tell it to stop, once: told again it ends at once."""
        self.process.send_signal(signal.SIGTERM)

    async def ended(self, seconds: float) -> None:
        """It has stopped in time, as it should."""
        async with asyncio.timeout(seconds):
            assert await self.process.wait() == 0


@asynccontextmanager
async def beating(folder: Path, database_url: str, **settings: Any) -> AsyncIterator[Beating]:
    """A server of the API alone; whatever is done to it, no traceback is in its log."""
    chosen = {"data_dir": str(folder / "data"), "workers": 0, "lease_seconds": 2, **settings}
    errors = folder / "server.log"
    command = (sys.executable, "-P", "-m", __name__, database_url, json.dumps(chosen))
    with errors.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=log)
    try:
        yield Beating(process, DevelopmentKey(**await _line(process)), errors)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Traceback" not in errors.read_text()


async def _line(process: Process) -> dict[str, Any]:
    assert process.stdout
    async with asyncio.timeout(LIMIT_SECONDS):
        found: dict[str, Any] = json.loads(await process.stdout.readline())
    return found


async def _serve(database_url: str, settings: Settings) -> None:
    stop = stop_signal()
    async with running(settings, database_url) as (parts, url):
        _tell(asdict(await development_key(parts, "acme", "website", url)))
        pulse = Pulse()
        tasks = asyncio.create_task(_beat(pulse)), asyncio.create_task(_answer(parts, pulse, stop))
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _beat(pulse: Pulse) -> None:
    while True:
        began, began_work = time.monotonic(), time.thread_time()
        await asyncio.sleep(BEAT_SECONDS)  # the beat
        pulse.held_up_seconds = max(pulse.held_up_seconds, time.thread_time() - began_work)
        pulse.late_seconds = max(pulse.late_seconds, time.monotonic() - began - BEAT_SECONDS)


async def _answer(parts: Parts, pulse: Pulse, stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        pulse.resident_kib, pulse.sockets = _resident_kib(), _sockets(parts.studio.public_url)
        pulse.attending = len(parts.attendance._here)
        _tell(asdict(pulse))
        pulse.held_up_seconds = pulse.late_seconds = 0.0
    stop.set()


def _resident_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def _sockets(url: str) -> int:
    """Connections to the port that a process still holds: what it let go of, the kernel may go on sending."""
    port = int(url.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(int(row[1].partition(":")[2], 16) == port and row[3] != "0A" and row[9] != "0" for row in rows)


def _tell(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said, default=str) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logs("json")
    run(_serve(sys.argv[1], Settings(port=0, **json.loads(sys.argv[2]))))
