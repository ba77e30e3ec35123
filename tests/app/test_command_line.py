"""The command line without a server: its help, its mistakes, its keys."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import Home
from tests.servers.valkey_process import free_port

COMMANDS = (
    "demo",
    "serve",
    "worker",
    "migrate",
    "key",
    "token",
    "credits",
    "announce",
    "schema",
    "console",
    "check",
    "test",
)
NOBODY = 65534
AWAY = f"postgresql+asyncpg://easel:secret@127.0.0.1:{free_port()}/easel"

# What is set, and the words of the one sentence that names it and says what to do.
MISTAKES = {
    "port": ({"EASEL_PORT": "99999"}, ("EASEL_PORT", "less than or equal to 65535")),
    "store": ({"EASEL_S3_ENDPOINT": "http://127.0.0.1:9"}, ("EASEL_S3_ACCESS_KEY", "EASEL_S3_SECRET_KEY")),
    "database": ({"EASEL_DATABASE_URL": AWAY}, ("EASEL_DATABASE_URL", "that PostgreSQL runs there")),
    "flags": ({"EASEL_FLAGS_FILE": "/proc/nothing.json"}, ("EASEL_FLAGS_FILE", "cannot be read")),
    "data": ({"EASEL_DATA_DIR": "/proc/easel"}, ("/proc/easel", "EASEL_DATA_DIR")),
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def their_folder() -> Iterator[Path]:
    """Not below pytest's own, which nobody else may enter."""
    with tempfile.TemporaryDirectory(prefix="easel-nobody-") as name:
        os.chown(name, NOBODY, NOBODY)
        yield Path(name)


def test_help_names_every_command_and_where_to_begin(home: Home) -> None:
    told = home.run("--help")
    assert told.returncode == 0
    assert "Usage: easel" in told.stdout
    assert "./easel demo" in told.stdout
    assert [name for name in COMMANDS if f"│ {name} " not in told.stdout] == []


def test_a_mistyped_command_names_the_one_that_is_meant(home: Home) -> None:
    told = home.run("serv")
    assert told.returncode == 2
    assert "Did you mean 'serve'?" in told.stderr


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_setting_is_told_in_one_sentence_with_its_name(home: Home, mistake: str) -> None:
    settings, words = MISTAKES[mistake]
    told = home.run("serve", **settings)
    assert told.returncode == 1
    assert told.stderr.startswith("easel: ")
    assert told.stderr.count("\n") == 1
    assert [word for word in words if word not in told.stderr] == []
    assert "Traceback" not in told.stderr


def test_a_wrong_database_is_told_without_its_password(home: Home, database_url: str) -> None:
    told = home.run("serve", EASEL_DATABASE_URL=f"{database_url}_that_is_not_there")
    assert told.returncode == 1
    assert "EASEL_DATABASE_URL" in told.stderr
    assert "does not exist" in told.stderr
    assert database_url.rpartition("@")[0] not in told.stderr


def test_a_wrong_password_is_told(home: Home, database_url: str) -> None:
    user, address = database_url.split("://")[1].split("@")
    told = home.run("serve", EASEL_DATABASE_URL=f"postgresql+asyncpg://{user.split(':')[0]}:wrong@{address}")
    assert told.returncode == 1
    assert "EASEL_DATABASE_URL does not lead to a database: password authentication failed" in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_is_told(home: Home, host: str) -> None:
    told = home.run("serve", EASEL_HOST=host)
    assert told.returncode == 1
    assert f"cannot listen on {host}" in told.stderr
    assert "EASEL_HOST" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_data_directory_that_is_not_writable_is_told_with_a_database_of_ones_own(
    home: Home, database_url: str
) -> None:
    told = home.run("key", EASEL_DATABASE_URL=database_url, EASEL_DATA_DIR="/proc/easel")
    assert told.returncode == 1
    assert "Set EASEL_DATA_DIR to a directory that you may write" in told.stderr
    assert told.stderr.count("\n") == 1


def test_a_variable_that_is_no_setting_is_told_with_the_nearest_one(home: Home, database_url: str) -> None:
    told = home.run("migrate", EASEL_DATABASE_URL=database_url, EASEL_PROT="1")
    assert told.returncode == 0
    assert told.stderr == "easel: EASEL_PROT is not a setting and changes nothing; did you mean EASEL_PORT?\n"


def test_migrate_brings_an_empty_database_to_the_newest_schema(home: Home) -> None:
    for _ in range(2):
        told = home.run("migrate")
        assert (told.returncode, told.stdout, told.stderr) == (0, "The database is up to date\n", "")


def test_the_schema_is_written_as_it_is_committed(home: Home) -> None:
    snapshot = Path(__file__).parents[2] / "schema" / "schema.graphql"
    before = snapshot.read_text()
    told = home.run("schema")
    assert (told.returncode, told.stdout) == (0, "Written: schema/schema.graphql\n")
    assert snapshot.read_text() == before


def test_a_key_is_made_once_and_kept_for_this_user_alone(home: Home, database_url: str) -> None:
    settings = {"EASEL_DATABASE_URL": database_url}
    first = home.run("key", "--json", **settings)
    found = json.loads(first.stdout)
    assert list(found) == ["url", "apiKey", "organizationSlug", "projectSlug", "projectId"]
    assert found["url"] == "http://127.0.0.1:8000"
    assert home.run("key", "--json", **settings).stdout == first.stdout
    secrets = [home.data / "secret.key", *(home.data / "keys").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_a_key_of_another_tenant_is_another_key(home: Home, database_url: str) -> None:
    home = Home(home.directory, {"EASEL_DATABASE_URL": database_url})
    ours, theirs = home.key(), home.key("--organization", "rival", "--project", "spy")
    assert (theirs.organizationSlug, theirs.projectSlug) == ("rival", "spy")
    assert theirs.apiKey != ours.apiKey
    assert theirs.projectId != ours.projectId


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_the_demo_runs_for_an_ordinary_user(their_folder: Path) -> None:
    # They may read the interpreter and the clone, wherever those are, and write nowhere but in their own folder.
    reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--securebits=+no_setuid_fixup")
    becoming = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *reading)
    told = Home(their_folder, {"EASEL_PORT": "0"}, becoming).run("demo")
    assert told.returncode == 0, told.stderr
    assert {path.stat().st_uid for path in their_folder.rglob("*")} == {NOBODY}
    assert len(list((their_folder / "demo").glob("*.png"))) == 1


def test_an_operator_gives_credits_and_a_plan(home: Home) -> None:
    home.key()
    given = home.run("credits", "--add", "12.5", "--plan", "studio", "--monthly-quota", "40", "--note", "Top-up")
    assert given.returncode == 0, given.stderr
    told = dict(line.rsplit(maxsplit=1) for line in home.run("credits").stdout.splitlines())
    assert told == {"available": "1012.5", "held": "0", "plan": "studio", "monthly quota": "40"}
    for wrong in (("--add", "x"), ("--add", "-1"), ("--add", "NaN"), ("--organization", "nobody")):
        refused = home.run("credits", *wrong)
        assert (refused.returncode, refused.stderr.count("\n"), refused.stdout) == (1, 1, "")
