"""
The engine's own cost, with the provider's time taken out: chains of steps that do nothing.

    .venv/bin/python -m benchmarks.engine [--runs 200] [--long 1000]

Prints steps a second with 1, 2 and 4 worker processes beside hand-written SQL and a bare job queue, the time from one
step to the next and from the commit of `startRun` to its first step, and a worker's memory during many runs: all on one
embedded PostgreSQL that flushes to disk as in production.
"""

import argparse
import asyncio
import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.embedded.postgres import embedded_postgres
from app.parts import Parts, open_parts
from app.settings import Settings
from benchmarks.chains import STEPS, Chain
from benchmarks.engine_floor import hand_written, job_queue
from storage.pool import asyncpg_url

ALONE = 100
WORKERS = (1, 2, 4)
PROJECTS = 4

terminal = Console()


async def main(runs: int, long: int, database_url: str, data: Path) -> None:
    async with open_parts(Settings(data_dir=data, log_format="json"), database_url, "http://127.0.0.1") as parts:
        chains = [await Chain.made(parts, f"engine-{number}") for number in range(PROJECTS)]
        chain = chains[0]
        with working(1, database_url, data) as pids:
            await chain.one()
            alone = [await chain.one() for _ in track(range(ALONE), "One run at a time")]
            _print_delays(parts, alone)
            await _print_memory(chain, pids[0], long)
        await _print_rates(chains, runs, database_url, data)


@contextmanager
def working(count: int, database_url: str, data: Path) -> Iterator[list[int]]:
    """So many worker processes; their ids."""
    environment = {**os.environ, "EASEL_DATABASE_URL": database_url, "EASEL_DATA_DIR": str(data)}
    with ExitStack() as stack:
        processes = [stack.enter_context(_worker(environment)) for _ in range(count)]
        yield [process.pid for process in processes]


@contextmanager
def _worker(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "app", "worker"]
    with subprocess.Popen(  # noqa: S603 - the command is our own
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as one:
        try:
            while one.stdout and "Easel works" not in one.stdout.readline():
                pass
            yield one
        finally:
            one.terminate()


async def _print_rates(chains: list[Chain], runs: int, database_url: str, data: Path) -> None:
    url, steps = asyncpg_url(database_url), runs * STEPS
    floor, peer = await hand_written(url, runs, STEPS), await job_queue(url, steps)
    table = Table(
        "what",
        "steps a second",
        "of the floor",
        title=f"{runs} runs of {STEPS} steps in {PROJECTS} projects, all queued before",
    )
    table.add_row("hand-written SQL: two commits a step", f"{floor:.0f}", "1.00", "")
    table.add_row("pgqueuer alone: jobs, no steps", f"{peer:.0f}", f"{peer / floor:.2f}", "")
    for count in WORKERS:
        rate, cpu = await _rate(chains, runs, count, database_url, data)
        table.add_row(f"Easel, worker processes: {count}", f"{rate:.0f}", f"{rate / floor:.2f}", f"{cpu:.1f}")
    terminal.print(table)


async def _rate(chains: list[Chain], runs: int, count: int, database_url: str, data: Path) -> tuple[float, float]:
    """Steps a second, and CPU milliseconds a step. The workers are held still while the runs are started."""
    with working(count, database_url, data) as pids:
        for chain in chains:
            await chain.one()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for number in track(range(runs), f"Worker processes: {count}"):
            await chains[number % PROJECTS].start()
        before = sum(map(_cpu_seconds, pids))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        seconds = max(await asyncio.gather(*(chain.finished() for chain in chains)))
        return runs * STEPS / seconds, (sum(map(_cpu_seconds, pids)) - before) * 1000 / (runs * STEPS)


def _print_delays(parts: Parts, alone: list[list[datetime]]) -> None:
    first = [(moments[1] - moments[0]).total_seconds() * 1000 for moments in alone]
    between = [
        (later - earlier).total_seconds() * 1000
        for moments in alone
        for earlier, later in itertools.pairwise(moments[1:])
    ]
    table = Table("ms", "p50", "p99", title=f"One run at a time, {parts.settings.workers} steps at once, one process")
    for name, values in (("startRun's commit to its first step", first), ("one step to the next", between)):
        hundredths = statistics.quantiles(values, n=100)
        table.add_row(name, f"{hundredths[49]:.1f}", f"{hundredths[98]:.1f}")
    terminal.print(table)


async def _print_memory(chain: Chain, pid: int, runs: int) -> None:
    table = Table("runs", "MiB of the worker", title="Memory")
    table.add_row("0", f"{_resident_mib(pid):.0f}")
    for part in (1, 2, 3, 4):
        for _ in track(range(runs // 4), f"Many runs, part {part} of 4"):
            await chain.start()
        await chain.finished()
        table.add_row(f"{runs // 4 * part}", f"{_resident_mib(pid):.0f}")
    terminal.print(table)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--long", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, embedded_postgres(Path(directory)) as server:
        uvloop.run(main(arguments.runs, arguments.long, server.url, Path(directory)))
