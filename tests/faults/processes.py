"""Easel as people run it: processes started by the command line, seen from outside and ended by their id."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from app.seed import DevelopmentKey

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 60.0
COMMAND = (sys.executable, "-P", "-m", "app")


@dataclass(slots=True)
class Process:
    """A command that goes on until it is told to stop; `said` is what it has printed."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return self.said[0].split()[-1]

    def await_line(self, words: str) -> str:
        """The next line with these words; a process that does not print it in time is killed."""
        watch = threading.Timer(LIMIT_SECONDS, self.process.kill)
        watch.start()
        assert self.process.stdout
        try:
            for line in self.process.stdout:
                self.said.append(line.rstrip("\n"))
                if words in line:
                    return line
        finally:
            watch.cancel()
        raise AssertionError(f"it ended without {words!r}: {self.said}")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after the signal; `said` is complete then."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=LIMIT_SECONDS)
        self.said += output.splitlines()
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=LIMIT_SECONDS)


@dataclass(frozen=True, slots=True)
class Home:
    """A folder in which commands are given, and the settings there; `prefix` runs them as somebody else."""

    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        return Path(self.settings.get("EASEL_DATA_DIR", self.directory / "data"))

    @property
    def errors(self) -> Path:
        return self.directory / "stderr.log"

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [*self.prefix, *COMMAND, *arguments],
            cwd=self.directory,
            env=self._environment(settings),
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    def key(self, *arguments: str) -> DevelopmentKey:
        done = self.run("key", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return DevelopmentKey(**json.loads(done.stdout))

    @contextmanager
    def serving(self, *arguments: str, port: int = 0, **settings: str) -> Iterator[Process]:
        with self.started("serve", "--port", str(port), *arguments, **settings) as process:
            process.await_line("Easel is ready: ")
            yield process

    @contextmanager
    def working(self, *arguments: str, **settings: str) -> Iterator[Process]:
        with self.started("worker", *arguments, **settings) as process:
            process.await_line("Easel works: ")
            yield process

    @contextmanager
    def started(self, *arguments: str, **settings: str) -> Iterator[Process]:
        """A command, killed at the end of the block if it still runs then."""
        with self.errors.open("ab") as errors, self._popen(arguments, settings, errors) as process:
            try:
                yield Process(process)
            finally:
                process.kill()

    def _popen(self, arguments: tuple[str, ...], settings: dict[str, str], errors: IO[bytes]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.prefix, *COMMAND, *arguments],
            cwd=self.directory,
            env=self._environment(settings),
            text=True,
            stdout=subprocess.PIPE,
            stderr=errors,
        )

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        places = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "PYTHONPATH": str(ROOT)}
        own = {"EASEL_DATA_DIR": str(self.data), "EASEL_LEASE_SECONDS": "2", "EASEL_DRAIN_SECONDS": "5"}
        return {**places, **own, **self.settings, **settings}
