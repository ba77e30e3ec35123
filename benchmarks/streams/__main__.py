"""
Live delivery: one event to many watchers, beside what could be fastest and what others have.

    .venv/bin/python -m benchmarks.streams [--quick] [--rounds 3] [--seconds 3] [--json FILE] [--svg FILE]

Finished events of about 1 kB are published on the bus, as after a commit, so that what is measured is delivery and not
the engine: to 100, 500 and 2,000 watchers of one project, and to 1,000 of 500, two of each. Prints deliveries a second
with two events in flight, the server's CPU for each, the time from publication to delivery of one event at a time, what
connecting costs and the memory of a watcher. Then readers that never read, among others who do, and real runs. Servers
are started afresh for each measurement and asked in turns: Easel, a bare ASGI application that serialises once and
sends the same bytes to all, and, where Node.js is, graphql-ws and Mercurius. The server has one core, all else another.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop
from rich.progress import Progress

from app.embedded.postgres import embedded_postgres
from benchmarks.streams.cases import Measurement, Plan, planned
from benchmarks.streams.measuring import measured, real_runs
from benchmarks.streams.plot import bars
from benchmarks.streams.processes import OTHER_CORE, pin
from benchmarks.streams.servers import EASEL, FLOOR, GRAPHQL_WS, MERCURIUS, Engines, Server, install_peers, servers
from benchmarks.streams.tables import print_tables
from benchmarks.streams.tenants import make_topics, studio_of
from tests.servers.valkey_process import start_valkey

EVERYONE = (EASEL, FLOOR, GRAPHQL_WS, MERCURIUS)


async def main(plan: Plan, there: list[Server], engines: Engines) -> list[Measurement]:
    turns = [(case, one) for _ in range(plan.rounds) for case in plan.cases for one in there if case.is_for(one)]
    found = []
    async with studio_of(engines) as studio:
        with Progress(transient=True) as progress:
            doing = progress.add_task("Real runs", total=len(turns) + 1)
            # First, as nobody works on the runs that are made to be followed.
            if plan.real and there[0].name == EASEL:
                found.append(await real_runs(plan.real, there[0], engines, studio, plan))
            await make_topics(studio, max((case.topics for case in plan.cases), default=0))
            for case, one in turns:
                progress.update(doing, advance=1, description=f"{one.name}: {case.title}")
                found.append(await measured(case, one, engines, studio, plan.seconds))
    return found


def _written(found: list[Measurement], path: Path) -> None:
    told = {
        "measuredAt": datetime.now(UTC),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "measurements": found,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a minute or two: small crowds, one round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--only", default=",".join(EVERYONE), help="servers, with commas between")
    parser.add_argument(
        "--cases", help="only those whose title has one of these, with | between: fan-out by stream, 2,000|real"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that servers are stopped too
    pin(os.getpid(), OTHER_CORE)
    wanted = servers(arguments.only.split(","))
    if any(one.name in {GRAPHQL_WS, MERCURIUS} for one in wanted):
        install_peers()
    plan = planned(quick=arguments.quick, rounds=arguments.rounds, seconds=arguments.seconds, words=arguments.cases)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        with embedded_postgres(folder / "data") as server, start_valkey(folder / "valkey") as valkey:
            measurements = uvloop.run(main(plan, wanted, Engines(server.url, valkey.url, folder)))
    print_tables(measurements)
    if arguments.json:
        _written(measurements, arguments.json)
    if arguments.svg:
        arguments.svg.write_text(bars(measurements), encoding="utf-8")
