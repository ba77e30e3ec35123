"""Workers, ComfyUI servers and sockets that go away in the middle of a shot: no picture is lost, none made twice."""

import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.callers import Caller, calling, until
from tests.faults.processes import Home
from tests.servers.comfyui_process import ComfyUIProcess, start_comfyui
from tests.shots.crew import BATCH, SEED, START

ONE = [{"sequenceId": "SQ0010", "plans": ["0010"]}]
SHOTS = 200
LUCK = (*["ok"] * 20, "error:KSampler", "oom", "lost-answer", "half-file", "no-history:0.1", "500-but-queued")
IMAGES = "query($id: ID!, $after: String) { project(id: $id) { images(first: 100, after: $after) { totalCount } } }"


@pytest.fixture
def comfyui(tmp_path: Path) -> Iterator[ComfyUIProcess]:
    with start_comfyui(tmp_path / "comfyui") as process:
        yield process


@pytest.fixture
def home(tmp_path: Path, database_url: str, comfyui: ComfyUIProcess) -> Home:
    return Home(tmp_path, {"EASEL_DATABASE_URL": database_url, "EASEL_COMFYUI_URL": comfyui.url})


@asynccontextmanager
async def api(home: Home) -> AsyncIterator[Caller]:
    """A server that leaves the work to others."""
    with home.serving("--workers", "0"):
        async with calling(home.key()) as caller:
            yield caller


async def started(caller: Caller, sequences: list[dict[str, Any]]) -> str:
    given = {**SEED, "projectId": caller.key.projectId, "sequences": sequences}
    return str((await caller.ask(START, input=given))["startShotBatch"]["shotBatch"]["id"])


async def batch_of(caller: Caller, id_: str) -> Any:
    return (await caller.ask(BATCH, id=id_))["shotBatch"]


async def over(caller: Caller, id_: str) -> Any:
    return await until(lambda: batch_of(caller, id_), lambda batch: batch["progress"] == 1.0)


async def pictures_of(caller: Caller) -> int:
    return int((await caller.ask(IMAGES, id=caller.key.projectId))["project"]["images"]["totalCount"])


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
async def test_what_a_worker_had_begun_is_waited_for_by_the_next(
    home: Home, comfyui: ComfyUIProcess, ending: signal.Signals
) -> None:
    await comfyui.script("hold")
    async with api(home) as caller:
        with home.working() as first:
            id_ = await started(caller, ONE)
            await comfyui.prompts(at_least=1)
            first.stop(ending)
        assert await comfyui.interrupted() == []
        with home.working():
            await comfyui.release()
            batch = await over(caller, id_)
        assert (batch["status"], await pictures_of(caller), len(await comfyui.prompts())) == ("DONE", 1, 1)
    assert batch["shots"]["nodes"][0]["fileName"] == "E202_SQ0010-0010_AI-concept_v0001.png"


async def test_a_comfyui_that_dies_over_a_shot_is_given_it_again_once_it_is_back(
    home: Home, comfyui: ComfyUIProcess
) -> None:
    await comfyui.script("hold")
    async with api(home) as caller:
        with home.working():
            id_ = await started(caller, ONE)
            await comfyui.prompts(at_least=1)
            comfyui.kill()
            comfyui.start()
            batch = await over(caller, id_)
        assert (batch["status"], await pictures_of(caller)) == ("DONE", 1)


async def test_sockets_that_are_cut_cost_nothing(home: Home, comfyui: ComfyUIProcess) -> None:
    await comfyui.script("hold")
    async with api(home) as caller:
        with home.working():
            id_ = await started(caller, ONE)
            await comfyui.prompts(at_least=1)
            await comfyui.cut_sockets()
            await comfyui.release()
            batch = await over(caller, id_)
        assert (batch["status"], await pictures_of(caller), len(await comfyui.prompts())) == ("DONE", 1, 1)


@pytest.mark.slow
async def test_of_two_hundred_shots_with_all_kinds_of_luck_each_is_accounted_for(
    home: Home, comfyui: ComfyUIProcess
) -> None:
    luck = Random(202)  # noqa: S311 - draws faults, guards nothing
    await comfyui.set_pace(0.001)
    await comfyui.script(*(luck.choice(LUCK) for _ in range(SHOTS)))
    plans = [f"{number:04}" for number in range(SHOTS)]
    async with api(home) as caller:
        with home.working() as first:
            id_ = await started(caller, [{"sequenceId": "SQ0010", "plans": plans}])
            await comfyui.prompts(at_least=SHOTS // 3)
            first.kill()
        with home.working():
            batch = await over(caller, id_)
        shots = await shots_of(caller, id_)
        states = Counter(shot["status"].lower() for shot in shots)
        assert {name: count for name, count in batch["counts"].items() if count} == dict(states)
        assert set(states) == {"done", "error"}
        done = [shot for shot in shots if shot["status"] == "DONE"]
        assert [shot["image"]["fileName"] for shot in done] == [shot["fileName"] for shot in done]
        assert len({shot["image"]["id"] for shot in done}) == len(done) == await pictures_of(caller)
        assert all(shot["error"]["message"] for shot in shots if shot["status"] == "ERROR")


SHOTS_OF = """
    query($id: ID!, $after: String) {
        shotBatch(id: $id) { shots(first: 100, after: $after) {
            nodes { status fileName image { id fileName } error { message } } pageInfo { hasNextPage endCursor }
        } }
    }
"""


async def shots_of(caller: Caller, id_: str) -> list[Any]:
    found: list[Any] = []
    after = None
    while True:
        page = (await caller.ask(SHOTS_OF, id=id_, after=after))["shotBatch"]["shots"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]
