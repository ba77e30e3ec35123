"""The prompt of a worker that was lost: asked after by the next, and begun anew only where nothing comes of it."""

import asyncio
from uuid import uuid4

import pytest

from providers.comfyui import ComfyUI
from tests.providers.comfyui_asking import Call, a_graph, asking, begun, tell
from tests.servers.comfyui_process import ComfyUIProcess


async def _lost(provider: ComfyUI, server: ComfyUIProcess) -> str:
    """The job that a worker noted which then went away without a word."""
    call, there = Call(), len(await server.prompts())
    task = call.begin(provider)
    await begun(server, there + 1)
    task.cancel()
    await asyncio.wait({task})
    return call.noted[0]


async def _ended(server: ComfyUIProcess) -> None:
    await server.release()
    await server.executed(at_least=1)


async def test_one_that_waits_is_waited_for(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.busy_with(1)
    call = Call(job_id=await _lost(comfyui, comfyui_server))
    task = call.begin(comfyui)
    await comfyui_server.release()
    assert len((await task).pictures) == 1
    assert (len(await comfyui_server.prompts()), call.noted) == (1, [])


async def test_one_that_runs_is_waited_for_and_tells_how_far_it_is(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.script("hold")
    call = Call(job_id=await _lost(comfyui, comfyui_server))
    await comfyui_server.sockets(until=0)
    task = call.begin(comfyui)
    await comfyui_server.sockets(until=1)
    await comfyui_server.release()
    assert len((await task).pictures) == 1
    assert (len(await comfyui_server.prompts()), call.noted) == (1, [])
    assert len(call.progress) > 1


async def test_one_that_is_done_is_taken(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("hold")
    job_id = await _lost(comfyui, comfyui_server)
    await _ended(comfyui_server)
    answer = await Call(job_id=job_id).made_by(comfyui)
    assert answer.pictures[0].meta["promptId"] == job_id.partition("@")[0]
    assert len(await comfyui_server.prompts()) == 1


@pytest.mark.parametrize("fate", ["oom", "error:KSampler", "vanish", "wrong-file"])
async def test_one_of_which_nothing_came_is_begun_anew(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess, fate: str
) -> None:
    await comfyui_server.script(fate)
    foreign = await comfyui_server.busy_with(1)
    job_id = await _lost(comfyui, comfyui_server)
    await comfyui_server.release()
    await comfyui_server.executed(at_least=len(foreign))
    call = Call(job_id=job_id)
    assert len((await call.made_by(comfyui)).pictures) == 1
    assert len(call.noted) == 1
    assert call.noted != [job_id]


async def test_one_that_was_interrupted_is_begun_anew(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("hold")
    job_id = await _lost(comfyui, comfyui_server)
    await tell(comfyui_server, "/interrupt")
    await comfyui_server.interrupted(at_least=1)
    assert len((await Call(job_id=job_id).made_by(comfyui)).pictures) == 1


@pytest.mark.parametrize("server", ["http://127.0.0.1:9", "", "nonsense"])
async def test_one_of_a_server_that_is_not_ours_any_more_is_begun_anew(comfyui: ComfyUI, server: str) -> None:
    call = Call(job_id=f"{uuid4()}@{server}")
    assert len((await call.made_by(comfyui)).pictures) == 1


async def test_one_whose_server_stays_away_is_begun_anew_elsewhere(
    mortal: ComfyUIProcess, comfyui_server: ComfyUIProcess
) -> None:
    async with asking(mortal.url, comfyui_server.url, away_seconds=0.5) as provider:
        await mortal.script("hold")
        await comfyui_server.busy_with(1)  # so that it begins at the other one
        job_id = await _lost(provider, mortal)
        mortal.kill()
        await comfyui_server.release()
        call = Call(job_id=job_id)
        assert len((await call.made_by(provider)).pictures) == 1
    assert call.noted[0].endswith(comfyui_server.url)


async def test_one_whose_server_comes_back_with_its_history_gone_is_begun_anew(mortal: ComfyUIProcess) -> None:
    async with asking(mortal.url, away_seconds=20) as provider:
        await mortal.script("hold")
        job_id = await _lost(provider, mortal)
        mortal.kill()
        call = Call(job_id=job_id)
        task = call.begin(provider)
        mortal.start()
        assert len((await task).pictures) == 1
    assert len(call.noted) == 1


@pytest.mark.parametrize("milliseconds", [0, 1, 5, 50])
async def test_one_taken_up_is_stopped_too_when_nobody_wants_it(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess, milliseconds: int
) -> None:
    await comfyui_server.script("hold")
    job_id = await _lost(comfyui, comfyui_server)
    task = Call(job_id=job_id, unwanted=True).begin(comfyui)
    await asyncio.sleep(milliseconds / 1000)  # the moment at which it is broken off
    task.cancel()
    await asyncio.wait({task})
    assert await comfyui_server.interrupted(at_least=1) == [job_id.partition("@")[0]]


async def test_new_calls_keep_away_from_a_server_where_one_is_taken_up(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.script("hold")
    job_id = await _lost(comfyui, comfyui_server)
    old = Call(job_id=job_id).begin(comfyui)
    await comfyui_server.sockets(until=1)
    new = Call(graph=a_graph(seed=8)).begin(comfyui)
    done, _ = await asyncio.wait({old, new}, timeout=0.5)
    assert (done, len(await comfyui_server.prompts())) == (set(), 1)
    await comfyui_server.release()
    assert len((await old).pictures) == len((await new).pictures) == 1
