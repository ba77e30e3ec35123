"""What PostgreSQL says, and what of it helps a person whose server did not start."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from domain.errors import DomainError, ErrorCode

ROTATE_BYTES = 10_000_000
EXCERPT_BYTES = 20_000
EXCERPT_LINES = 4

_TELLING = re.compile(r"(?:FATAL|PANIC|ERROR|HINT|DETAIL|error):\s")
_STAMP = re.compile(r"^[\d-]+ [\d:.]+ \w+ \[\d+\] ")
_ADVICE = (
    ("No space left on device", "Free some disk space, then start again."),
    ("Disk quota exceeded", "Free some disk space, then start again."),
    ("Permission denied", "Give the data directory to the user who runs Easel, or set another EASEL_DATA_DIR."),
    ("shared memory", "Another PostgreSQL may still use these files: end it, then start again."),
    ("not compatible", "Start it with the version of Easel that made it, or set another EASEL_DATA_DIR."),
)
_LAST_RESORT = "If its files are damaged, restore the data directory from a backup, or set another EASEL_DATA_DIR."


@dataclass(frozen=True, slots=True)
class ServerLog:
    path: Path

    def rotate(self) -> None:
        """Keep the last large log under another name, so that both together stay bounded over many starts."""
        if self.size() > ROTATE_BYTES:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))

    def open(self) -> BinaryIO:
        self.path.touch(mode=0o600)
        return self.path.open("ab")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def text(self, since: int) -> str:
        """The end of what was written after the first `since` bytes."""
        with self.path.open("rb") as file:
            file.seek(max(since, self.size() - EXCERPT_BYTES))
            return file.read(EXCERPT_BYTES).decode(errors="replace")

    def failure(self, sentence: str, since: int) -> DomainError:
        """The error for a server that failed, with what it said after the first `since` bytes of the log."""
        text = self.text(since)
        lines = [_STAMP.sub("", line.strip()) for line in text.splitlines() if line.strip()]
        said = "; ".join(([line for line in lines if _TELLING.search(line)] or lines)[-EXCERPT_LINES:])
        message = f"{sentence}: {said or 'it said nothing'}. {advice(text)} Its log is {self.path}."
        return DomainError(ErrorCode.UNAVAILABLE, message, log=str(self.path))


def advice(text: str) -> str:
    """What to do next about a failure that was described like this."""
    return next((advice for phrase, advice in _ADVICE if phrase in text), _LAST_RESORT)
