"""The S3 server of the tests, as a process that can be killed and started again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

_PROGRAM = Path(__file__).with_name("swift_s3.py")
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class S3Server:
    process: subprocess.Popen[str]
    port: int
    access_key: str
    guest_access_key: str
    secret_key: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """At once, whatever it is doing (SIGKILL)."""
        self.process.kill()
        self.process.wait(timeout=10)


@contextmanager
def start_s3_server(directory: Path, port: int = 0) -> Iterator[S3Server]:
    """A server over what `directory` holds, ready to answer; gone afterwards, or when this process dies."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-W", "ignore", str(_PROGRAM), "--directory", str(directory), "--port", str(port)]
    log = directory / "server.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield S3Server(process, **json.loads(_first_line(process, log)))
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout
    with DefaultSelector() as selector:
        selector.register(process.stdout, EVENT_READ)
        line = process.stdout.readline() if selector.select(_START_SECONDS) else ""
    if not line:
        raise RuntimeError(f"The S3 server did not start: {log.read_text()[-2000:]}")
    return line
