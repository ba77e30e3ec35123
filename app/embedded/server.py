"""One run of the PostgreSQL server, from its start until it is stopped."""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from subprocess import Popen

from app.embedded.cluster import Cluster
from app.embedded.programs import Programs

PORT_ATTEMPTS = 5
POLL_SECONDS = 0.02

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",  # bounds how long a recovery can take
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "log",  # a failed statement is its caller's to report, and may hold what people wrote
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def free_ports(first: int | None = None) -> Iterator[int]:
    """`first` where there is one, then some that were free a moment ago: someone may be quicker."""
    if first is not None:
        yield first
    for _ in range(PORT_ATTEMPTS):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port: int = listener.getsockname()[1]
        yield port


@contextmanager
def running_server(
    cluster: Cluster, programs: Programs, ports: Iterable[int], *, durable: bool, start_seconds: float
) -> Iterator[tuple[int, int]]:
    """The pid and port of a server that is ready, on the first of `ports` that it can have."""
    since = programs.log.size()
    for port in ports:
        since = programs.log.size()
        with programs.running("postgres", *_words(cluster, port, durable=durable)) as process:
            if _becomes_ready(process, cluster, port, start_seconds):
                yield process.pid, port
                return
        if "could not bind" not in programs.log.text(since):
            break
    raise programs.log.failure("PostgreSQL did not start", since)


def _words(cluster: Cluster, port: int, *, durable: bool) -> list[str]:
    settings = {**SETTINGS, **({} if durable else NOT_DURABLE), "port": str(port)}
    return ["-D", str(cluster.directory), *(f"--{name}={value}" for name, value in settings.items())]


def _becomes_ready(process: Popen[bytes], cluster: Cluster, port: int, start_seconds: float) -> bool:
    # A file is all PostgreSQL offers to tell that it is ready; its own pg_ctl polls the same one.
    deadline = time.monotonic() + start_seconds
    while process.poll() is None and time.monotonic() < deadline:
        if cluster.ready_server() == (process.pid, port):
            return True
        time.sleep(POLL_SECONDS)
    return False
