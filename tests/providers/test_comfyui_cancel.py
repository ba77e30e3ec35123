"""Calls that are broken off: what nobody wants is stopped, what the next worker asks after goes on."""

import asyncio
import time

import pytest

from domain.providers import ImageAnswer
from providers.comfyui import ComfyUI
from tests.providers.comfyui_asking import Call, a_graph, begun, queued_at
from tests.servers.comfyui_process import ComfyUIProcess


async def _broken_off(task: "asyncio.Task[ImageAnswer]") -> float:
    """For how many seconds it went on."""
    began = time.monotonic()
    task.cancel()
    await asyncio.wait({task}, timeout=30)
    assert task.cancelled()
    return time.monotonic() - began


async def test_a_running_prompt_that_nobody_wants_is_interrupted(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.script("hold")
    call = Call(unwanted=True)
    task = call.begin(comfyui)
    await begun(comfyui_server)
    assert await _broken_off(task) < 4
    assert await comfyui_server.interrupted(at_least=1) == call.prompt_ids


async def test_a_waiting_prompt_leaves_the_queue_and_those_of_others_stay(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    foreign = await comfyui_server.busy_with(2)
    call = Call(unwanted=True)
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    assert await _broken_off(task) < 4
    assert await queued_at(comfyui_server) == foreign
    await comfyui_server.release()
    assert await comfyui_server.executed(at_least=2) == foreign
    assert await comfyui_server.interrupted() == []


async def test_one_at_its_last_node_ends_as_it_likes(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("success-after-interrupt")
    call = Call(unwanted=True)
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    assert await _broken_off(task) < 4
    assert await comfyui_server.executed(at_least=1) == call.prompt_ids
    assert len((await Call(graph=a_graph(seed=8)).made_by(comfyui)).pictures) == 1


async def test_a_prompt_on_its_way_is_stopped_when_it_arrives(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    """Broken off at any point between noting and the answer, nothing of it is ever left there."""
    for milliseconds in (0, 1, 2, 4, 8):
        await comfyui_server.script("hold")
        call = Call(unwanted=True)
        task = call.begin(comfyui)
        await call.was_noted.wait()
        await asyncio.sleep(milliseconds / 1000)  # the moment at which it is broken off
        assert await _broken_off(task) < 4
        assert await queued_at(comfyui_server) == []
        await comfyui_server.reset()


async def test_what_the_next_worker_asks_after_goes_on(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("hold")
    call = Call()
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    assert await _broken_off(task) < 2
    await comfyui_server.release()
    assert await comfyui_server.executed(at_least=1) == call.prompt_ids


async def test_broken_off_twice_it_is_stopped_all_the_same(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("hold")
    call = Call(unwanted=True)
    task = call.begin(comfyui)
    await begun(comfyui_server)
    task.cancel()
    for _ in range(10_000):
        if comfyui._stopping:
            break
        await asyncio.sleep(0)  # until it is being stopped, which nothing tells
    assert comfyui._stopping
    task.cancel()
    await asyncio.wait({task})
    await comfyui.close()
    assert await comfyui_server.interrupted(at_least=1) == call.prompt_ids


async def test_stopping_at_a_server_that_is_away_ends_in_time(mortal: ComfyUIProcess, comfyui: ComfyUI) -> None:
    await mortal.script("hold")
    provider = ComfyUI([mortal.url], poll_seconds=0.1)
    task = Call(unwanted=True).begin(provider)
    await mortal.prompts(at_least=1)
    mortal.kill()
    assert await _broken_off(task) < 4.5
    await provider.close()


@pytest.mark.parametrize("unwanted", [True, False])
async def test_its_server_is_free_again(comfyui: ComfyUI, comfyui_server: ComfyUIProcess, *, unwanted: bool) -> None:
    await comfyui_server.script("hold")
    task = Call(unwanted=unwanted).begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    await _broken_off(task)
    await comfyui_server.release()
    assert len((await Call().made_by(comfyui)).pictures) == 1
