"""The example of a studio's campaign, as its README says, across a killed worker and a night."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.faults.callers import Caller, calling, until
from tests.faults.processes import LIMIT_SECONDS, ROOT, Home

pytestmark = pytest.mark.slow

RUNS = "{ project { runs(first: 5) { nodes { steps { nodeId status } } } } }"


def campaign(home: Home, url: str, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "EASEL_URL": url, "EASEL_API_KEY": home.key().apiKey}
    program, out = str(ROOT / "examples/campaign/campaign.py"), str(home.directory / "out")
    command = [sys.executable, program, "--out", out, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    said: str = done.stdout
    return said


def shape(path: Path) -> tuple[str | None, int, int]:
    with Image.open(path) as image:
        return image.format, image.width, image.height


async def until_candidates_are_drawn(caller: Caller) -> None:
    async def drawing() -> bool:
        runs = (await caller.ask(RUNS))["project"]["runs"]["nodes"]
        steps = [(step["nodeId"], step["status"]) for run in runs for step in run["steps"]]
        return ("candidates", "RUNNING") in steps

    await until(drawing)


async def test_a_campaign_goes_on_after_a_killed_worker_and_a_night(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.serving("--workers", "0") as server:
        async with calling(home.key()) as caller:
            with home.working() as worker:
                start = ("start", "A cargo bike for families, in the morning")
                starting = asyncio.create_task(asyncio.to_thread(campaign, home, server.url, *start))
                await until_candidates_are_drawn(caller)
                worker.kill()
            with home.working():
                said = await starting
    run_id = said.rpartition(" choose ")[2].split()[0]
    saved = tmp_path / "out" / run_id
    assert len(list(saved.glob("candidate-*.png"))) == 4

    with home.serving() as server:
        assert "three formats" in await asyncio.to_thread(campaign, home, server.url, "choose", run_id, "3")
    formats = {path.stem: shape(path) for path in saved.iterdir() if not path.stem.startswith("candidate")}
    assert formats == {"square": ("JPEG", 720, 720), "story": ("JPEG", 480, 853), "banner": ("WEBP", 960, 540)}
