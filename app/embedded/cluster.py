"""The files of one PostgreSQL server: made once, whole or not at all."""

import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.embedded.processes import Account
from app.embedded.programs import Programs

ROLE = DATABASE = "easel"
# The builtin provider sorts and folds alike on every platform and never changes with the C library.
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# The superuser cannot log in at all: our role owns its database and may make others, nothing else.
HOST_RULES = f"host all {ROLE} 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A database directory; any process of its user may read here where the server answers."""

    directory: Path

    @property
    def pid_file(self) -> Path:
        return self.directory / "postmaster.pid"

    @property
    def password_file(self) -> Path:
        return self.directory / "easel.password"

    def ready_server(self) -> tuple[int, int] | None:
        """The pid and port which a server wrote down when it was ready; it may be dead since."""
        with suppress(FileNotFoundError, ValueError, IndexError):
            lines = self.pid_file.read_text().splitlines()
            if lines[7].strip() == "ready":
                return int(lines[0]), int(lines[3])
        return None

    def last_port(self) -> int | None:
        """The port of the last server, which whoever joined it still asks."""
        with suppress(FileNotFoundError):
            found = re.search(r"--port=(\d+)", (self.directory / "postmaster.opts").read_text())
            return int(found[1]) if found else None
        return None

    def url(self, port: int) -> str:
        return f"postgresql+asyncpg://{ROLE}:{self.password_file.read_text()}@127.0.0.1:{port}/{DATABASE}"


def ensure_cluster(directory: Path, programs: Programs, *, durable: bool) -> Cluster:
    """The cluster, on first use made under another name and renamed when it is complete."""
    if not directory.exists():
        staging = directory.with_name(f"{directory.name}.new")
        with suppress(FileNotFoundError):
            shutil.rmtree(staging)
        staging.mkdir(mode=0o700)
        _give(staging, programs.launcher.account)
        _initialize(Cluster(staging), programs, durable=durable)
        staging.rename(directory)
        _sync_entries(directory.parent)
    return Cluster(directory)


def _initialize(cluster: Cluster, programs: Programs, *, durable: bool) -> None:
    account, directory, password = programs.launcher.account, cluster.directory, secrets.token_hex(32)
    syncing = () if durable else ("--no-sync",)
    programs.run("initdb", "-D", directory, "-U", "postgres", "--auth=reject", *LOCALE, *syncing)
    _write(directory / "pg_hba.conf", HOST_RULES, account)
    _write(cluster.password_file, password, account)
    role = f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}';\n"
    database = f"CREATE DATABASE {DATABASE} OWNER {ROLE};\n"
    programs.run("postgres", "--single", "-D", directory, "-c", "exit_on_error=on", "postgres", text=role + database)


def _write(path: Path, text: str, account: Account | None) -> None:
    path.touch(mode=0o600)
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _give(path, account)


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _sync_entries(directory: Path) -> None:
    # A power cut must not bring back the old name, which the next start would take for a half-made cluster.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
