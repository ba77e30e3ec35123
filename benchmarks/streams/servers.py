"""The servers that are measured: Easel, the floor under it, and peers. Each is one process, alone on its core."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.npm import find_npm
from benchmarks.streams.jobs import Kind
from benchmarks.streams.processes import SERVER_CORE, pin

EASEL, FLOOR, GRAPHQL_WS, MERCURIUS = "Easel", "bare ASGI", "graphql-ws", "Mercurius"
PEERS = Path(__file__).parents[1] / "streams_peer"
BOOT = Path(__file__).parents[2] / ".boot"
START_SECONDS, STOP_SECONDS, INSTALL_SECONDS = 60, 15, 600
_PYTHON = [sys.executable, "-m"]


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    command: list[str]
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Engines:
    """What the servers stand on, and where they write."""

    database_url: str
    redis_url: str
    folder: Path

    def environment(self, port: int) -> Mapping[str, str]:
        easel = {
            "EASEL_DATABASE_URL": self.database_url,
            "EASEL_REDIS_URL": self.redis_url,
            "EASEL_DATA_DIR": str(self.folder / "data"),
            "EASEL_PORT": str(port),
            "EASEL_LOG_FORMAT": "json",
            "EASEL_COST_PER_MINUTE": str(10**12),  # every watcher has the same key
            "EASEL_SOCKETS_PER_CALLER": "100000",
            "MALLOC_ARENA_MAX": "2",  # as ./easel starts it
        }
        return {**os.environ, **easel, "PORT": str(port), "REDIS_URL": self.redis_url, "NODE_ENV": "production"}


def servers(wanted: list[str]) -> list[Server]:
    """Those of the wanted that can run here; peers need Node.js."""
    found = [
        Server(EASEL, [*_PYTHON, "app", "serve", "--workers", "0"], tuple(Kind)),
        Server(FLOOR, [*_PYTHON, "benchmarks.streams.floor"], tuple(Kind)),
        Server(GRAPHQL_WS, ["node", str(PEERS / "graphql_ws.mjs")], (Kind.STREAM, Kind.RUN)),
        Server(MERCURIUS, ["node", str(PEERS / "mercurius.mjs")], (Kind.STREAM, Kind.RUN)),
    ]
    return [one for one in found if one.name in wanted and shutil.which(one.command[0])]


def install_peers() -> None:
    """Their packages, as their lock says."""
    BOOT.mkdir(exist_ok=True)
    npm = find_npm(BOOT, BOOT / "streams_peer.log", print)
    npm.run("ci", directory=PEERS, limit_seconds=INSTALL_SECONDS)


@contextmanager
def running(server: Server, engines: Engines) -> Iterator[tuple[int, int]]:
    """Its process id and port, once it listens; fresh, and gone after the block."""
    port, log = _free_port(), engines.folder / f"{server.name}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - the commands are our own
            server.command, env=engines.environment(port), stdout=output, stderr=output
        ) as one,
    ):
        try:
            pin(one.pid, SERVER_CORE)
            _wait_until_it_listens(one, port, log)
            yield one.pid, port
        finally:
            one.terminate()
            try:
                one.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                one.kill()


def _wait_until_it_listens(one: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and one.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)  # nothing tells when a process listens
        else:
            return
    sys.exit(f"A server did not start:\n{log.read_text(errors='replace')[-2_000:]}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
