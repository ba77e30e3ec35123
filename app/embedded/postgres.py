"""
The real PostgreSQL, small: started by the first process that needs it, joined by the others, stopped with its owner.

One lock says everything. The owner takes it and its server inherits it, so whoever gets the lock knows that no server,
not even a dying one, is left on these files; whoever does not get it waits until that server is ready, and joins.
"""

import fcntl
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path

from app.embedded.cluster import Cluster, ensure_cluster
from app.embedded.log import ServerLog, advice
from app.embedded.placement import cluster_directory, place
from app.embedded.processes import Launcher, has_death_signal
from app.embedded.programs import Programs
from app.embedded.server import free_ports, running_server
from domain.errors import DomainError, ErrorCode

FIRST_POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.5
CONNECT_SECONDS = 1
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # the first word of PostgreSQL's protocol that needs no password


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that answers at `url`: `owned` by this process, or joined."""

    url: str = field(repr=False)  # holds the password
    pid: int
    owned: bool


@contextmanager
def embedded_postgres(
    data_directory: Path, *, durable: bool = True, start_seconds: float = 30, guard: bool | None = None
) -> Iterator[PostgresServer]:
    """
    PostgreSQL on the files under `data_directory`, which are made on first use.

    An owned server stops when the block ends or this process dies; call it from the main thread, whose life the kernel
    takes for ours. `durable=False` is for tests: a power cut may cost everything. `guard` chooses how the server learns
    of our death (None: as the machine allows). Raises DomainError UNAVAILABLE that says what to do next.
    """
    data, guarded = data_directory.resolve(), not has_death_signal() if guard is None else guard
    with ExitStack() as stack:
        with _explaining(data):
            data.mkdir(parents=True, exist_ok=True)
            found = _lock_or_server(data, start_seconds)
            if not isinstance(found, PostgresServer):
                lock = stack.enter_context(found)
                owned = _owned_server(data, lock, durable=durable, start_seconds=start_seconds, guard=guarded)
                found = stack.enter_context(owned)
        yield found


@contextmanager
def _owned_server(
    data: Path, lock: TextIOWrapper, *, durable: bool, start_seconds: float, guard: bool
) -> Iterator[PostgresServer]:
    placement, log = place(data), ServerLog(data / "postgres.log")
    log.rotate()
    programs = Programs(placement.programs, Launcher(placement.account, guard, lock), log)
    cluster = ensure_cluster(placement.cluster, programs, durable=durable)
    ports = free_ports(cluster.last_port())
    with running_server(cluster, programs, ports, durable=durable, start_seconds=start_seconds) as (pid, port):
        yield PostgresServer(cluster.url(port), pid, owned=True)


def _lock_or_server(data: Path, start_seconds: float) -> TextIOWrapper | PostgresServer:
    # Polled, as the lock's end and the server's start are two events of another process and no call awaits either.
    deadline, pause_seconds = time.monotonic() + start_seconds, FIRST_POLL_SECONDS
    while True:
        if found := _free_lock(data) or _joined_server(data):
            return found
        if time.monotonic() > deadline:
            raise _never_ready(data, start_seconds)
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, LONGEST_POLL_SECONDS)


def _lock_path(data: Path) -> Path:
    return data / "postgres.lock"


def _free_lock(data: Path) -> TextIOWrapper | None:
    file = _lock_path(data).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    # What a killed server left behind is void; its pid may be anyone's by now, and PostgreSQL would hesitate.
    Cluster(cluster_directory(data)).pid_file.unlink(missing_ok=True)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _joined_server(data: Path) -> PostgresServer | None:
    cluster = Cluster(cluster_directory(data))
    ready = cluster.ready_server()
    if ready is None or not _answers(ready[1]):
        return None
    pid, port = ready
    return PostgresServer(cluster.url(port), pid, owned=False)


def _answers(port: int) -> bool:
    """Whether a server speaks here: what is left of a killed one still takes connections for a moment."""
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as connection:
            connection.sendall(_SSL_REQUEST)
            return connection.recv(1) in {b"S", b"N"}
    except OSError:
        return False


def _never_ready(data: Path, seconds: float) -> DomainError:
    owner, log = _lock_path(data).read_text(), data / "postgres.log"
    return DomainError(
        ErrorCode.UNAVAILABLE,
        f"Process {owner} holds {_lock_path(data)}, but no PostgreSQL of it has answered within {seconds:g} seconds. "
        f"Wait for it or end it, then start again; what happened stands in {log}.",
    )


@contextmanager
def _explaining(data: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"{error.filename or data}: {error.strerror}"
        raise DomainError(
            ErrorCode.UNAVAILABLE, f"PostgreSQL cannot use {reason}. {advice(error.strerror or '')}"
        ) from error
