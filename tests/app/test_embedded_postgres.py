"""The embedded PostgreSQL as its users meet it: real servers, real processes, real kills."""

import fcntl
import os
import pwd
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.embedded.cluster import Cluster
from app.embedded.log import ServerLog
from app.embedded.placement import place
from app.embedded.postgres import embedded_postgres
from app.embedded.processes import Launcher
from app.embedded.programs import Programs
from app.embedded.server import free_ports, running_server
from domain.errors import DomainError, ErrorCode

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL changes its user only when root starts it")

OWNER = """
import sys
from pathlib import Path
from app.embedded.postgres import embedded_postgres

with embedded_postgres(Path(sys.argv[1]), guard={"guard": True, "signal": False}[sys.argv[2]]) as server:
    print(server.url, server.pid, server.owned, flush=True)
    sys.stdin.read()
"""

PLACEMENT = """
import sys
from pathlib import Path
from app.embedded.placement import place

placement = place(Path(sys.argv[1]), shared_directory=Path(sys.argv[2]))
print(placement.cluster, placement.account.override)
"""


@dataclass(frozen=True, slots=True)
class Other:
    """Another Easel process and the server it found or started."""

    process: subprocess.Popen[str]
    url: str
    server_pid: int
    owned: bool


@contextmanager
def another_process(data: Path, tie: str = "signal") -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", OWNER, str(data), tie]
    with subprocess.Popen(words, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def told_by(process: subprocess.Popen[str]) -> Other:
    assert process.stdout
    url, pid, owned = process.stdout.readline().split()
    return Other(process, url, int(pid), owned == "True")


async def query(url: str, *statements: str) -> Any:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


def kill_and_await_end(victim: int, *, end_of: int, seconds: float = 20) -> bool:
    """Whether process `end_of` ended in time after `victim` was killed."""
    watched = os.pidfd_open(end_of)
    try:
        os.kill(victim, signal.SIGKILL)
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


async def test_rows_outlive_the_server(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False) as first:
        assert first.owned
        await query(first.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    with pytest.raises(ProcessLookupError):
        os.kill(first.pid, 0)
    with embedded_postgres(tmp_path, durable=False) as second:
        assert await query(second.url, "SELECT n FROM kept") == 7


async def test_text_is_unicode_and_time_is_utc(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False) as server:
        assert await query(server.url, "SELECT lower('ÄÉΣ')") == "äéσ"
        assert await query(server.url, "SHOW timezone") == "UTC"


async def test_the_application_owns_its_databases_and_is_no_superuser(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False) as server:
        await query(server.url, "CREATE EXTENSION pg_trgm", "CREATE TABLE a (n int)", "SELECT 1")
        await query(server.url, "CREATE DATABASE template OWNER easel", "SELECT 1")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await query(server.url, "COPY (SELECT 1) TO PROGRAM 'cat'", "SELECT 1")


async def test_a_login_needs_the_password_which_only_the_owner_can_read(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False) as server:
        secret = tmp_path / "postgres" / "easel.password"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(server.url.replace(secret.read_text(), "guess"), "SELECT 1")


async def test_a_second_process_joins_the_server_of_the_first(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as server, another_process(tmp_path) as process:
        other = told_by(process)
        assert (other.url, other.server_pid, other.owned) == (server.url, server.pid, False)
        process.communicate()
        assert await query(server.url, "SELECT 1") == 1


def test_of_many_first_starts_at_once_one_makes_the_server(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(another_process(tmp_path)) for _ in range(3)]
        others = [told_by(process) for process in processes]
        assert sorted(other.owned for other in others) == [False, False, True]
        assert len({other.url for other in others}) == 1
        for other in sorted(others, key=lambda other: other.owned):
            other.process.communicate()


@pytest.mark.parametrize("tie", ["signal", "guard"])
async def test_a_killed_owner_leaves_no_server_and_loses_no_row(tmp_path: Path, tie: str) -> None:
    with another_process(tmp_path, tie) as process:
        owner = told_by(process)
        await query(owner.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        assert kill_and_await_end(process.pid, end_of=owner.server_pid)
    with embedded_postgres(tmp_path) as server:
        assert server.owned
        assert await query(server.url, "SELECT n FROM kept") == 7


async def test_a_killed_server_recovers_every_committed_row(tmp_path: Path) -> None:
    with another_process(tmp_path) as process:
        owner = told_by(process)
        await query(owner.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        assert kill_and_await_end(owner.server_pid, end_of=owner.server_pid)
        with (
            pytest.raises(DomainError, match=f"Process {process.pid} holds"),
            embedded_postgres(tmp_path, start_seconds=0.1),
        ):
            pass
        process.communicate()
    with embedded_postgres(tmp_path) as server:
        assert await query(server.url, "SELECT n FROM kept") == 7


def test_a_stale_pid_file_that_names_a_living_process_does_not_hinder_a_start(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False):
        pid_file = tmp_path / "postgres" / "postmaster.pid"
        left_behind = pid_file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        lines = left_behind.splitlines()
        lines[0], lines[3] = str(os.getpid()), str(stranger.getsockname()[1])
        pid_file.write_text("\n".join(lines))
        with embedded_postgres(tmp_path, durable=False) as server:
            assert server.owned


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with embedded_postgres(tmp_path, durable=False) as server:
        assert server.owned
    assert not (tmp_path / "postgres.new").exists()


def test_damaged_files_are_explained_in_one_sentence_with_the_log(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False):
        pass
    (tmp_path / "postgres" / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(DomainError) as caught, embedded_postgres(tmp_path, durable=False):
        pass
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert "FATAL" in caught.value.message
    assert "restore the data directory from a backup" in caught.value.message
    assert str(tmp_path / "postgres.log") in caught.value.message
    assert "\n" not in caught.value.message


def test_a_data_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DomainError, match=r"Not a directory.*EASEL_DATA_DIR"),
        embedded_postgres(tmp_path / "file" / "x"),
    ):
        pass


def test_a_lock_without_a_server_names_its_holder(tmp_path: Path) -> None:
    with (tmp_path / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        with (
            pytest.raises(DomainError, match="Process 4711 holds") as caught,
            embedded_postgres(tmp_path, start_seconds=0.1),
        ):
            pass
    assert caught.value.code is ErrorCode.UNAVAILABLE


def test_a_port_taken_in_the_meantime_is_given_up_for_another(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path, durable=False):
        pass
    placement = place(tmp_path)
    programs = Programs(placement.programs, Launcher(placement.account), ServerLog(tmp_path / "postgres.log"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], *free_ports()]
        cluster = Cluster(placement.cluster)
        with running_server(cluster, programs, ports, durable=False, start_seconds=30) as (_, port):
            assert port in ports[1:]


def test_a_large_log_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    with (tmp_path / "postgres.log").open("wb") as log:
        log.truncate(11_000_000)
    with embedded_postgres(tmp_path, durable=False):
        assert (tmp_path / "postgres.log").stat().st_size < 100_000
    assert (tmp_path / "postgres.log.1").stat().st_size == 11_000_000


@as_root
async def test_root_runs_it_as_nobody_in_a_directory_which_nobody_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed with spaces"
    closed.mkdir(mode=0o700)
    with embedded_postgres(closed / "data", durable=False) as server:
        assert (closed / "data" / "postgres").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert await query(server.url, "SELECT 1") == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_without_the_capability_root_puts_the_files_where_nobody_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    shared = Path(tempfile.mkdtemp())
    shared.chmod(0o755)
    try:
        words = ["setpriv", "--bounding-set=-setpcap", sys.executable, "-c", PLACEMENT, str(tmp_path), str(shared)]
        told = subprocess.check_output(words, cwd=ROOT, text=True).split()
    finally:
        shutil.rmtree(shared)
    assert told == [str((tmp_path / "postgres").readlink()), "False"]
    assert told[0].startswith(str(shared))
