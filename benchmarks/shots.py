"""
Easel's own cost of a film shot, with the picture's time taken out: graphs that do next to nothing.

    .venv/bin/python -m benchmarks.shots [--shots 100] [--many 2000] [--rounds 3]

Prints milliseconds a shot with one ComfyUI and with two, beside the smallest client that asks them for the same
pictures one after the other, with the CPU of either; and how long it takes to start, cancel and retry 2,000 shots. The
servers of ComfyUI are the tests' own; all are processes of their own on one machine, over one embedded PostgreSQL that
flushes to disk as in production.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop
from rich.progress import track
from rich.table import Table

from app.embedded.postgres import embedded_postgres
from app.parts import Parts, open_parts
from app.settings import Settings
from benchmarks.shots_floor import Made, made_by_hand
from benchmarks.shots_studio import Studio, free_port, open_studio, terminal
from domain.ids import Id
from tests.servers.comfyui_process import start_comfyui

SERVERS = (1, 2)
FIRST = 8  # shots of a batch before those that count


async def main(arguments: argparse.Namespace, database_url: str, folder: Path) -> None:
    settings = Settings(data_dir=folder, log_format="json")
    async with open_parts(settings, database_url, "http://127.0.0.1") as parts:
        await _print_shots(parts, database_url, folder, arguments.shots)
        await _print_many(parts, database_url, arguments.many, arguments.rounds)


async def _print_shots(parts: Parts, database_url: str, folder: Path, shots: int) -> None:
    table = Table("ComfyUI", "by whom", "ms a shot", "of the floor", "CPU ms a shot", title=f"{shots} shots")
    for count in SERVERS:
        with ExitStack() as stack:
            ports = [stack.enter_context(_comfyui(folder / f"comfyui-{count}-{number}")) for number in range(count)]
            floor, floor_cpu = await _by_hand(ports, shots)
            table.add_row(str(count), "the smallest client", f"{floor:.1f}", "1.00", f"{floor_cpu:.1f}")
            async with open_studio(parts, database_url, ports) as studio:
                mine, cpu = await _by_easel(studio, count, shots)
            table.add_row(str(count), "Easel", f"{mine:.1f}", f"{mine / floor:.2f}", f"{cpu:.1f}")
    terminal.print(table)


async def _by_hand(ports: list[int], shots: int) -> tuple[float, float]:
    """Milliseconds a picture, and of CPU; each server has a client of its own."""
    await asyncio.gather(*(asyncio.to_thread(made_by_hand, port, FIRST) for port in ports))
    each = shots // len(ports)
    made: list[Made] = await asyncio.gather(*(asyncio.to_thread(made_by_hand, port, each) for port in ports))
    seconds, cpu_seconds = max(one.seconds for one in made), sum(one.cpu_seconds for one in made)
    return seconds * 1000 / (each * len(ports)), cpu_seconds * 1000 / (each * len(ports))


async def _by_easel(studio: Studio, servers: int, shots: int) -> tuple[float, float]:
    episode = 10 * servers
    await studio.over(await studio.start(episode, FIRST), FIRST, "First shots")
    before = studio.cpu_seconds
    seconds = await studio.over(await studio.start(episode + 1, shots), shots, f"ComfyUI servers: {servers}")
    return seconds * 1000 / shots, (studio.cpu_seconds - before) * 1000 / shots


async def _print_many(parts: Parts, database_url: str, shots: int, rounds: int) -> None:
    """Without workers, so that nothing else happens to the shots."""
    took: dict[str, list[float]] = {"start": [], "cancel": [], "retry": []}
    async with open_studio(parts, database_url, [free_port()], workers=0) as studio:
        for number in track(range(rounds), f"{shots:,} shots: start, cancel, retry"):
            began = time.perf_counter()
            batch_id = await studio.start(30 + number, shots)
            took["start"].append(time.perf_counter() - began)
            took["cancel"].append(await _taken(studio, "/cancel", batch_id))
            await studio.fail_all(batch_id)
            took["retry"].append(await _taken(studio, "/retry", batch_id))
    table = Table("what", "seconds", title=f"{shots:,} shots at once, medians of {rounds}")
    for name, seconds in took.items():
        table.add_row(name, f"{statistics.median(seconds):.2f}")
    terminal.print(table)


async def _taken(studio: Studio, path: str, batch_id: Id) -> float:
    began = time.perf_counter()
    await studio.post(path, {"batch_id": batch_id})
    return time.perf_counter() - began


@contextmanager
def _comfyui(directory: Path) -> Iterator[int]:
    directory.mkdir()
    with start_comfyui(directory) as process:
        yield process.port


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=int, default=100)
    parser.add_argument("--many", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    with tempfile.TemporaryDirectory() as directory, embedded_postgres(Path(directory)) as server:
        uvloop.run(main(parser.parse_args(), server.url, Path(directory)))
