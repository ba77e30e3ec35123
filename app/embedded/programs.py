"""PostgreSQL's own programs, run where and as whom they can."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from app.embedded.log import ServerLog
from app.embedded.processes import Launcher

RUN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Programs:
    directory: Path
    launcher: Launcher
    log: ServerLog

    def run(self, name: str, *words: str | Path, text: str = "") -> None:
        """Run a program to its end, fed with `text`; a DomainError with its own words if it failed."""
        since = self.log.size()
        with self.log.open() as output:
            done = self.launcher.run(
                [self.directory / name, *words], output=output, text=text, timeout_seconds=RUN_SECONDS
            )
        if not done:
            raise self.log.failure("PostgreSQL could not make its database files", since)

    @contextmanager
    def running(self, name: str, *words: str | Path) -> Iterator[Popen[bytes]]:
        with (
            self.log.open() as output,
            self.launcher.running([self.directory / name, *words], output=output) as process,
        ):
            yield process
