"""Building the console: npm makes it from its sources, and a finished build takes the place of the last one whole."""

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.npm import Npm, find_npm
from domain.errors import DomainError, ErrorCode

_INSTALL_SECONDS = 600
_BUILD_SECONDS = 300
_TURN_SECONDS = 2 * _INSTALL_SECONDS + _BUILD_SECONDS
_STAMP = "sources.sha256"


def build_console(root: Path, *, report: Callable[[str], None]) -> None:
    """Build `root`/console into console/dist unless that is current; `report` hears of whatever takes time.

    Raises `DomainError` when a step fails or takes too long; what was printed then stands in .boot/console.log.
    """
    places = _Places(root)
    if _is_current(places):
        return
    places.scratch.mkdir(exist_ok=True)
    with _turn(places.scratch / "console.lock", report):
        if not _is_current(places):
            _build(places, find_npm(places.scratch, places.log, report), report)


@dataclass(frozen=True, slots=True)
class _Places:
    root: Path

    @property
    def sources(self) -> Path:
        return self.root / "console"

    @property
    def dist(self) -> Path:
        return self.sources / "dist"

    @property
    def scratch(self) -> Path:
        return self.root / ".boot"

    @property
    def log(self) -> Path:
        return self.scratch / "console.log"


def _is_current(places: _Places) -> bool:
    stamp = places.dist / _STAMP
    return stamp.exists() and stamp.read_text() == _fingerprint(places.sources)


def _fingerprint(sources: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in ("*", "src/**/*") for path in sources.glob(pattern) if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(sources).as_posix()} {content}\n".encode())
    return digest.hexdigest()


@contextmanager
def _turn(lock: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file, which a builder that dies lets go of."""
    with lock.open("w") as file:
        if not _locked(file.fileno()):
            report("The console is being built by another process; waiting for it")
            _await_lock(file.fileno())
        yield


def _await_lock(descriptor: int) -> None:
    deadline = time.monotonic() + _TURN_SECONDS
    while not _locked(descriptor):
        if time.monotonic() > deadline:
            raise DomainError(
                ErrorCode.UNAVAILABLE, "Another process has been building the console for too long: end it"
            )
        time.sleep(0.2)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build(places: _Places, npm: Npm, report: Callable[[str], None]) -> None:
    report("Building the console; the first time takes about a minute")
    stamp = _fingerprint(places.sources)
    fresh = places.scratch / "console-dist"
    npm.run("ci", "--include=dev", directory=places.sources, limit_seconds=_INSTALL_SECONDS)
    outcome = ("--", "--emptyOutDir", "--outDir", str(fresh))
    npm.run("run", "build", *outcome, directory=places.sources, limit_seconds=_BUILD_SECONDS)
    (fresh / _STAMP).write_text(stamp)
    _replace(places.dist, fresh, places.scratch / "console-dist-old")
    report("The console is built")


def _replace(dist: Path, fresh: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    if dist.exists():
        dist.rename(old)
    fresh.rename(dist)
    shutil.rmtree(old, ignore_errors=True)
