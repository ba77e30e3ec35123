"""What `easel check` looks over is in order."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.development import CHECKS, ROOT

LIMIT_SECONDS = 300


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("name", sorted(CHECKS.keys() - {"shape"}))
def test_the_code_passes_every_check(name: str) -> None:
    program, *words = CHECKS[name]
    command: list[str | Path] = [Path(sys.executable).parent / program, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
