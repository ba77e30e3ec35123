"""Workers that are killed or paused in the middle of a step."""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.callers import Caller, calling
from tests.faults.processes import Home, Process
from tests.servers.openai_process import OpenAIServer, start_openai_server

PICTURES = 8


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Home:
    return Home(tmp_path, {"EASEL_DATABASE_URL": database_url})


@pytest.fixture
def openai() -> Iterator[OpenAIServer]:
    with start_openai_server() as server:
        yield server


@asynccontextmanager
async def api(home: Home) -> AsyncIterator[Caller]:
    """A server that leaves the work to others."""
    with home.serving("--workers", "0"):
        async with calling(home.key()) as caller:
            yield caller


async def paused_while_drawing(caller: Caller, worker: Process) -> str:
    """A run whose worker stands still in the middle of its picture step."""
    run_id = await caller.start(await caller.workflow(pictures=PICTURES))
    await caller.until_drawing(run_id)
    worker.send(signal.SIGSTOP)
    assert (await caller.until_drawing(run_id))["status"] == "RUNNING"
    return run_id


def completions(run: Any) -> Counter[str]:
    """How often each step was recorded as done."""
    events = [event for event in run["events"]["nodes"] if event["event"] == "step.updated"]
    return Counter(event["payload"]["nodeId"] for event in events if event["payload"]["status"] == "SUCCEEDED")


@pytest.mark.slow
async def test_another_worker_finishes_what_a_killed_one_began(home: Home) -> None:
    async with api(home) as caller:
        with home.working() as first:
            run_id = await paused_while_drawing(caller, first)
            first.kill()
        with home.working():
            run = await caller.finished(run_id)
    assert run["status"] == "SUCCEEDED"
    assert completions(run) == {"input": 1, "generate_image": 1, "output": 1}
    assert len(run["images"]) == PICTURES
    assert [step["attempt"] for step in run["steps"]] == [1, 2, 1]


@pytest.mark.slow
async def test_a_worker_that_was_paused_past_its_lease_writes_nothing(home: Home) -> None:
    async with api(home) as caller:
        with home.working() as stale, home.working() as other:
            # Which of the two takes the step is theirs to settle: the other one sleeps meanwhile.
            other.send(signal.SIGSTOP)
            run_id = await paused_while_drawing(caller, stale)
            other.send(signal.SIGCONT)
            finished = await caller.finished(run_id)
            stale.send(signal.SIGCONT)
            assert stale.stop() == 0
            assert await caller.run(run_id) == finished
    assert finished["status"] == "SUCCEEDED"
    assert completions(finished) == {"input": 1, "generate_image": 1, "output": 1}
    assert len(finished["images"]) == PICTURES


async def test_a_provider_that_may_have_been_charged_is_not_asked_again(home: Home, openai: OpenAIServer) -> None:
    paid = {"OPENAI_API_KEY": "sk-test", "EASEL_OPENAI_BASE_URL": openai.base_url}
    await openai.script("slow")
    async with api(home) as caller:
        with home.working(**paid) as first:
            run_id = await caller.start(await caller.workflow(pictures=1))
            await openai.requests(at_least=1)
            first.kill()
        with home.working(**paid):
            run = await caller.until(run_id, lambda run: run["status"] == "WAITING")
    assert run["steps"][1]["status"] == "WAITING"
    assert len(await openai.requests()) == 1


async def test_a_worker_told_to_stop_finishes_its_step_first(home: Home) -> None:
    async with api(home) as caller:
        with home.working() as worker:
            run_id = await paused_while_drawing(caller, worker)
            worker.send(signal.SIGTERM)
            os.kill(worker.pid, signal.SIGCONT)
            assert worker.process.wait(30) == 0
        run = await caller.run(run_id)
        assert run["steps"][1]["status"] == "SUCCEEDED"
        with home.working():
            assert (await caller.finished(run_id))["status"] == "SUCCEEDED"
    assert run["steps"][1]["attempt"] == 1
