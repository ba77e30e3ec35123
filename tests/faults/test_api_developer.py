"""The example of a developer's program, as its first lines say, against a server of its own process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.faults.processes import LIMIT_SECONDS, ROOT, Home

pytestmark = pytest.mark.slow


def _developer(home: Home, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "EASEL_URL": url, "EASEL_API_KEY": home.key().apiKey}
    command = [sys.executable, str(ROOT / "examples/api_developer.py"), *arguments]
    return subprocess.run(
        command, cwd=home.directory, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )


def test_a_program_asks_is_called_back_and_keeps_its_pictures(tmp_path: Path) -> None:
    home = Home(tmp_path, {"EASEL_WEBHOOK_ALLOW_LOOPBACK": "true"})
    with home.serving() as server:
        done = _developer(home, server.url, "A lighthouse in a storm", "--n", "2")
    assert done.returncode == 0, done.stderr
    assert "Called back: generation_job.completed, signed and fresh" in done.stdout
    pictures = list((tmp_path / "pictures").iterdir())
    assert len(pictures) == 2
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.format == "WEBP"
            assert round(picture.width / picture.height, 2) == 1.78


def test_where_the_server_may_not_call_this_machine_the_program_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.serving() as server:
        done = _developer(home, server.url, "A lighthouse in a storm")
    assert done.returncode == 1
    assert "Easel says: " in done.stderr
