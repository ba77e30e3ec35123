"""Child processes that run as the right user and do not outlive us."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import IO, Any

PROBE_SECONDS = 10
# PostgreSQL's fast shutdown, then its immediate one, then the kernel's.
STOP_SIGNALS = ((signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run programs as; with `override` it may pass directories that only root may enter."""

    uid: int
    gid: int
    override: bool = False


@cache
def has_death_signal() -> bool:
    """Whether this machine has a `setpriv` that makes the kernel signal a child when we die (util-linux's does)."""
    with suppress(OSError, subprocess.SubprocessError):
        words = [_setpriv(), "--pdeathsig=INT", "true"]
        return subprocess.run(words, capture_output=True, timeout=PROBE_SECONDS, check=False).returncode == 0  # noqa: S603
    return False


@dataclass(frozen=True, slots=True)
class Launcher:
    """
    Starts programs as `account` (None: as ourselves); they get SIGINT when we die, however we die.

    The kernel sends it, to the children of the *thread* that started them, or with `guard` a shell that waits at the
    end of a pipe from us. `lock` stays open in every child, and so stays locked until the last of them has gone.
    """

    account: Account | None = None
    guard: bool = field(default_factory=lambda: not has_death_signal())
    lock: IO[str] | None = None

    @contextmanager
    def running(
        self, words: Sequence[str | Path], *, output: IO[bytes], stdin: int = DEVNULL
    ) -> Iterator[Popen[bytes]]:
        """The program while the block runs; stopped at its end."""
        # A session of its own: Ctrl-C in the terminal is for us, and we stop the program in our own time.
        with self._popen(words, stdin=stdin, stdout=output, stderr=output, start_new_session=True) as process:
            try:
                with self._guarding(process):
                    yield process
            finally:
                _stop(process)

    def run(self, words: Sequence[str | Path], *, output: IO[bytes], text: str, timeout_seconds: float) -> bool:
        """Whether the program, fed with `text`, ended well and in time."""
        with self.running(words, output=output, stdin=PIPE) as process:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(text.encode(), timeout=timeout_seconds)
            return process.poll() == 0

    def succeeds(self, words: Sequence[str | Path]) -> bool:
        """Whether the account can run the program at all, and it ends well."""
        try:
            with self._popen(words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL) as process:
                return process.wait(PROBE_SECONDS) == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def _popen(self, words: Sequence[str | Path], **options: Any) -> Popen[bytes]:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
        kept = [self.lock.fileno()] if self.lock else []
        return Popen(  # noqa: S603 - our own programs, no shell
            [*self._prefix(), *words], cwd="/", env=environment, pass_fds=kept, **self._identity(), **options
        )

    def _prefix(self) -> list[str]:
        words = [] if self.guard else ["--pdeathsig=INT"]
        if self.account and self.account.override:
            words += _overriding(self.account)
        return [_setpriv(), *words] if words else []

    def _identity(self) -> dict[str, Any]:
        if self.account is None or self.account.override:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}

    @contextmanager
    def _guarding(self, process: Popen[bytes]) -> Iterator[None]:
        if not self.guard:
            yield
            return
        words = ["/bin/sh", "-c", 'read -r _; kill -INT "$0"', str(process.pid)]
        with Popen(words, stdin=PIPE, stderr=DEVNULL, start_new_session=True) as shell:  # noqa: S603
            try:
                yield
            finally:
                shell.kill()


def _overriding(account: Account) -> list[str]:
    identity = [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    # Without the securebit access(2) would ignore the capability, and PostgreSQL asks access(2) about its programs.
    privilege = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    return identity + privilege


def _setpriv() -> str:
    return shutil.which("setpriv") or "setpriv"


def _stop(process: Popen[bytes]) -> None:
    for number, seconds in STOP_SIGNALS:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
