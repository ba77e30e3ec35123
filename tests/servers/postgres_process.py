"""A real PostgreSQL, to be killed and started again on the same port."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded.placement import Placement, place
from app.embedded.processes import Launcher
from tests.servers.valkey_process import free_port

START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.05


class PostgresProcess:
    def __init__(self, placement: Placement, port: int) -> None:
        self.port = port
        self._placement = placement
        # No death signal: it would follow the thread that starts the server, and tests start it from many.
        self._launcher = Launcher(placement.account, guard=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def initialize(self) -> None:
        options = ("-U", "postgres", "-E", "UTF8", "--auth=trust", "--no-sync", "--no-instructions")
        words: list[str | Path] = [self._program("initdb"), "-D", self._placement.cluster, *options]
        with self._log.open("ab") as log:
            made = self._launcher.run(words, output=log, text="", timeout_seconds=START_LIMIT_SECONDS)
        assert made, self._log.read_text()

    def start(self) -> None:
        """Returns when it answers."""
        self._spawn()
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not self._answers():
            assert self.is_running, f"it did not start: {self._log.read_text()}"
            assert time.monotonic() < deadline, f"it did not start in time: {self._log.read_text()}"
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """SIGKILL to the first process; returns when the others have noticed and ended too."""
        if self._process:
            self._process.kill()
            self._process.communicate(timeout=STOP_LIMIT_SECONDS)  # its output ends with the last of them
            self._process = None

    def _spawn(self) -> None:
        settings = ("-c", "fsync=off", "-c", "unix_socket_directories=")
        words: list[str | Path] = [self._program("postgres"), "-D", self._placement.cluster, *settings]
        words += ["-h", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = self._launcher._popen(words, stdout=subprocess.PIPE, stderr=log)

    def _answers(self) -> bool:
        return self._launcher.succeeds([self._program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)])

    def _program(self, name: str) -> Path:
        return self._placement.programs / name

    @property
    def _log(self) -> Path:
        return self._placement.cluster.parent / "postgres.log"


@contextmanager
def start_postgres(port: int = 0) -> Iterator[PostgresProcess]:
    with tempfile.TemporaryDirectory(prefix="easel-postgres-") as directory:
        placement = place(Path(directory))
        placement.cluster.mkdir(mode=0o700)
        if placement.account:
            os.chown(placement.cluster, placement.account.uid, placement.account.gid)
        process = PostgresProcess(placement, port or free_port())
        try:
            process.initialize()
            process.start()
            yield process
        finally:
            process.kill()
