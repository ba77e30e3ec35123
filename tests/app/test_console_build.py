"""Building the console with the real npm: small packages of our own for the rules, the console itself once."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.console_build import build_console
from app.npm import Npm
from domain.errors import DomainError

ROOT = Path(__file__).parents[2]
FOREIGN_HOSTS = ("unpkg.com", "jsdelivr.net", "esm.sh", "cdnjs.", "googleapis.com", "gstatic.com")
BUILD_SCRIPT = """
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
const out = process.argv.at(-1);
mkdirSync(out, { recursive: true });
writeFileSync(`${out}/graphiql.html`, "one");
appendFileSync("../builds", "x");
"""

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose console is a package without dependencies."""
    sources = tmp_path / "console"
    (sources / "src").mkdir(parents=True)
    package = {"name": "console", "version": "1.0.0", "scripts": {"build": "node src/build.mjs"}}
    lock = {"name": "console", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (sources / "package.json").write_text(json.dumps(package))
    (sources / "package-lock.json").write_text(json.dumps(lock))
    (sources / "src" / "build.mjs").write_text(BUILD_SCRIPT)
    return tmp_path


def _page(root: Path) -> str:
    return (root / "console" / "dist" / "graphiql.html").read_text()


@needs_npm
def test_a_current_console_is_not_built_again(root: Path) -> None:
    build_console(root, report=lambda _: None)
    reports: list[str] = []

    build_console(root, report=reports.append)

    assert _page(root) == "one"
    assert reports == []
    assert (root / "builds").read_text() == "x"


@needs_npm
def test_a_changed_source_is_built_anew(root: Path) -> None:
    build_console(root, report=lambda _: None)
    (root / "console" / "src" / "build.mjs").write_text(BUILD_SCRIPT.replace('"one"', '"two"'))

    build_console(root, report=lambda _: None)

    assert _page(root) == "two"


@needs_npm
def test_a_failed_build_keeps_the_last_one_and_names_its_log(root: Path) -> None:
    build_console(root, report=lambda _: None)
    broken = BUILD_SCRIPT.replace('"one"', '"half"') + 'throw new Error("out of paint");'
    (root / "console" / "src" / "build.mjs").write_text(broken)

    with pytest.raises(DomainError, match=re.escape(str(root / ".boot" / "console.log"))):
        build_console(root, report=lambda _: None)

    assert _page(root) == "one"
    assert "out of paint" in (root / ".boot" / "console.log").read_text()


@needs_npm
def test_two_builders_at_once_build_once(root: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        for build in [pool.submit(build_console, root, report=lambda _: None) for _ in range(2)]:
            build.result()

    assert (root / "builds").read_text() == "x"


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    npm = Npm((sys.executable,), os.environ, tmp_path / "log")

    with pytest.raises(DomainError, match=f"^{re.escape(str(tmp_path))} could not be .* timed out after 1 seconds"):
        npm.run("-c", "import time; time.sleep(60)", directory=tmp_path, limit_seconds=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_built_console_asks_no_other_origin_for_anything(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "console", tmp_path / "console", ignore=shutil.ignore_patterns("node_modules", "dist"))
    (tmp_path / ".boot").mkdir()
    (tmp_path / ".boot" / "bin").symlink_to(ROOT / ".boot" / "bin")

    build_console(tmp_path, report=lambda _: None)

    dist = tmp_path / "console" / "dist"
    addresses = re.findall(r'(?:src|href)="([^"]+)"', (dist / "graphiql.html").read_text())
    assert {address.rpartition("/")[0] for address in addresses if not address.startswith("data:")} == {
        "/console/assets"
    }
    files = [file.read_text() for file in (dist / "assets").iterdir() if file.suffix in {".js", ".css"}]
    assert files
    assert not [host for host in FOREIGN_HOSTS if any(host in file for file in files)]
    assert not [file for file in files if re.search(r"url\(\s*[\"']?(?:https?:)?//", file)]


BUILDER = """
import os, pathlib, sys
from app.npm import Npm

talk = ("/bin/sh", "-c", 'exec >"$0"; echo building; exec sleep 60', sys.argv[1])
Npm(talk, dict(os.environ), pathlib.Path(sys.argv[2])).run(directory=pathlib.Path("/"), limit_seconds=60)
"""


def test_a_build_does_not_outlive_whoever_began_it(tmp_path: Path) -> None:
    """Killed without a word, as the kernel does when memory runs out."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    builder = subprocess.Popen([sys.executable, "-c", BUILDER, pipe, tmp_path / "log"], cwd=ROOT)
    with builder, pipe.open() as build:
        assert build.readline() == "building\n"
        builder.kill()
        assert build.read() == ""  # comes when the last process of the build has ended
