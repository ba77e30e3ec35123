"""`easel serve` with everything inside, stopped and killed while it works."""

import asyncio
import os
import signal
from contextlib import ExitStack
from functools import partial
from operator import le
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.embedded.cluster import Cluster
from app.embedded.placement import cluster_directory
from tests.faults.callers import Caller, Listener, calling, listening, told, until
from tests.faults.processes import Home
from tests.servers.valkey_process import free_port

PICTURES = 8
RUNS = 60


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def postgres_pid(home: Home) -> int:
    ready = Cluster(cluster_directory(home.data)).ready_server()
    assert ready
    return ready[0]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def drawing(caller: Caller) -> str:
    run_id = await caller.start(await caller.workflow(pictures=PICTURES))
    await caller.until_drawing(run_id)
    return run_id


async def heard_to_the_end(listener: Listener, run_id: str) -> None:
    async def events() -> list[str]:
        return [event for event, _, _ in listener.of_run(run_id)]

    await until(events, lambda names: "run.completed" in names)


@pytest.mark.slow
async def test_a_killed_server_leaves_nothing_behind_and_its_run_is_finished_after_the_next_start(home: Home) -> None:
    with home.serving() as first:
        async with calling(home.key()) as caller:
            run_id = await drawing(caller)
        server_pid = postgres_pid(home)
        first.kill()
    await until(lambda: asyncio.to_thread(lambda: not is_alive(server_pid)))
    with home.serving():
        async with calling(home.key()) as caller:
            run = await caller.finished(run_id)
    assert run["status"] == "SUCCEEDED"
    assert len(run["images"]) == PICTURES


@pytest.mark.slow
async def test_a_listener_goes_on_after_a_kill_without_gap_or_repeat(home: Home) -> None:
    port = free_port()
    with home.serving(port=port) as first:
        key = home.key()
        async with calling(key) as caller, listening(caller) as listener:
            run_id = await drawing(caller)
            first.kill()
            with home.serving(port=port):
                run = await caller.finished(run_id)
                await heard_to_the_end(listener, run_id)
    assert listener.connections == 2
    assert listener.of_run(run_id) == [told(event) for event in run["events"]["nodes"]]


async def test_a_stop_in_the_middle_of_a_run_is_clean_and_the_next_start_goes_on(home: Home) -> None:
    with home.serving() as first:
        async with calling(home.key()) as caller:
            run_id = await drawing(caller)
            first.send(signal.SIGTERM)
            assert await asyncio.to_thread(first.process.wait, 20) == 0
    assert "Traceback" not in home.errors.read_text()
    with home.serving():
        async with calling(home.key()) as caller:
            run = await caller.finished(run_id)
    assert run["status"] == "SUCCEEDED"
    assert {step["attempt"] for step in run["steps"]} == {1}


@pytest.mark.slow
async def test_a_worker_beside_it_goes_on_with_the_next_server(home: Home) -> None:
    """The database comes and goes with the server; it comes back where the worker looks for it."""
    with home.serving("--workers", "0") as first, home.working():
        home.key()
        first.kill()
        with home.serving("--workers", "0"):
            async with calling(home.key()) as caller:
                run = await caller.finished(await caller.start(await caller.workflow(pictures=1)))
    assert run["status"] == "SUCCEEDED"


@pytest.mark.slow
async def test_every_run_that_was_accepted_is_finished_whatever_was_killed(home: Home) -> None:
    port, names = free_port(), [str(uuid4()) for _ in range(RUNS)]
    with ExitStack() as servers:
        server = servers.enter_context(home.serving(port=port))
        async with calling(home.key()) as caller:
            starting = asyncio.create_task(started(caller, await caller.workflow(pictures=1), names))
            for share in (RUNS // 3, 2 * RUNS // 3):
                await until(lambda: count_runs(caller), partial(le, share))
                server.kill()
                server = servers.enter_context(home.serving(port=port))
            run_ids = await starting
            runs = [await caller.finished(run_id) for run_id in run_ids]
            assert await count_runs(caller) == RUNS
    assert {run["status"] for run in runs} == {"SUCCEEDED"}
    assert len(set(run_ids)) == RUNS


async def started(caller: Caller, workflow_id: str, names: list[str]) -> list[str]:
    """The runs; what got no answer is asked for again under the same name."""
    return [await until(partial(caller.start, workflow_id, name)) for name in names]


async def count_runs(caller: Caller) -> Any:
    return (await caller.ask("{ project { runs(first: 1) { totalCount } } }"))["project"]["runs"]["totalCount"]
