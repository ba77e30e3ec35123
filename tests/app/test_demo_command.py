"""`easel demo`: everything once, to see it."""

import signal
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.faults.processes import Home

STEPS = ("Prompt", "Enhance the prompt", "Draw the picture", "Hero image")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("demo"), {"EASEL_PORT": "0"})


def test_the_demo_makes_a_picture_and_shows_how(home: Home) -> None:
    told = home.run("demo")
    assert (told.returncode, told.stderr) == (0, "")
    assert [step for step in STEPS if f"✓ {step}" not in told.stdout] == []
    assert "What to try next:" in told.stdout
    assert "./easel serve" in told.stdout
    (saved,) = (home.directory / "demo").iterdir()
    assert f"demo/{saved.name}" in told.stdout
    with Image.open(saved) as picture:
        assert (picture.format, picture.size) == ("PNG", (1024, 576))


def test_the_demo_stays_until_ctrl_c_when_it_is_kept(home: Home) -> None:
    with home.started("demo", "--keep", "--prompt", "A fox in the snow") as demo:
        url = demo.await_line("Easel is ready: ").split()[-1]
        demo.await_line("/graphiql")
        assert httpx2.get(f"{url}/health/ready", trust_env=False).status_code == 200
        assert demo.stop(signal.SIGINT) == 0
    assert home.errors.read_text() == ""


@pytest.mark.parametrize("where", ["/proc/pictures", "taken/pictures"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_made(tmp_path: Path, where: str) -> None:
    (tmp_path / "taken").touch()
    told = Home(tmp_path).run("demo", "--out", where)
    assert told.returncode == 1
    assert told.stderr.startswith(f"easel: The picture cannot be saved to {where}: ")
    assert told.stderr.endswith("Choose another folder with --out\n")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_disk_that_is_full_is_told(home: Home) -> None:
    """A limit on the size of files stands in for it: the same call fails in the same place."""
    limited = Home(home.directory, home.settings, ("prlimit", "--fsize=65536"))
    with home.serving():
        told = limited.run("demo", "--out", "full")
    assert told.returncode == 1
    assert "The picture cannot be saved to full/" in told.stderr
    assert "Traceback" not in told.stderr
