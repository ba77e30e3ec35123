"""Servers that are killed, sockets that are cut or silent, answers that are lost: the picture comes all the same."""

import pytest

from domain.providers import ProviderError
from providers.comfyui import ComfyUI
from tests.providers.comfyui_asking import Call, a_graph, asking
from tests.servers.comfyui_process import ComfyUIProcess


async def test_a_server_killed_in_the_middle_gets_the_same_prompt_again(mortal: ComfyUIProcess) -> None:
    async with asking(mortal.url, away_seconds=20) as provider:
        await mortal.script("hold")
        call = Call()
        task = call.begin(provider)
        await mortal.prompts(at_least=1)
        mortal.kill()
        mortal.start()
        answer = await task
        assert [prompt["prompt_id"] for prompt in await mortal.prompts()] == call.prompt_ids
    assert answer.pictures[0].meta["promptId"] == call.prompt_ids[0]


async def test_a_server_that_comes_back_empty_is_sent_the_source_again(mortal: ComfyUIProcess) -> None:
    async with asking(mortal.url, away_seconds=20) as provider:
        await mortal.script("hold")
        task = Call().begin(provider)
        await mortal.prompts(at_least=1)
        mortal.kill()
        for file in (mortal.directory / "input").iterdir():
            file.unlink()
        mortal.start()
        assert len((await task).pictures) == 1


async def test_a_server_that_stays_away_fails_the_call_after_a_while(mortal: ComfyUIProcess) -> None:
    async with asking(mortal.url, away_seconds=0.5) as provider:
        await mortal.script("hold")
        call = Call()
        task = call.begin(provider)
        await mortal.prompts(at_least=1)
        mortal.kill()
        with pytest.raises(ProviderError, match="went away in the middle") as caught:
            await task
    assert caught.value.retryable


@pytest.mark.parametrize("trouble", ["cut_sockets", "go_silent"])
async def test_a_socket_in_trouble_costs_nothing_but_progress(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess, trouble: str
) -> None:
    await comfyui_server.script("hold")
    task = Call().begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    await getattr(comfyui_server, trouble)()
    await comfyui_server.release()
    assert len((await task).pictures) == 1


async def test_a_cut_socket_is_opened_again_and_tells_the_rest(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.script("hold")
    call = Call()
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    await comfyui_server.sockets(until=1)
    await comfyui_server.cut_sockets()
    await comfyui_server.sockets(until=0)
    await comfyui_server.sockets(until=1)
    before = max(call.progress, default=0.0)
    await comfyui_server.release()
    await task
    assert before < call.progress[-2] < 1.0


async def test_a_silent_socket_is_given_up_for_another(comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("hold")
    async with asking(comfyui_server.url, silent_seconds=0.2) as provider:
        task = Call().begin(provider)
        await comfyui_server.prompts(at_least=1)
        for _ in range(2):
            await comfyui_server.sockets(until=1)
            await comfyui_server.sockets(until=0)
        await comfyui_server.release()
        assert len((await task).pictures) == 1
    await comfyui_server.sockets(until=0)


@pytest.mark.parametrize("calls", [1, 2, 5])
async def test_calls_cut_while_it_waits_are_made_again(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess, calls: int
) -> None:
    await comfyui_server.script("hold")
    call = Call(graph=a_graph(seed=calls))
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    await comfyui_server.refuse(calls)
    await comfyui_server.release()
    assert len((await task).pictures) == 1
    assert len(await comfyui_server.prompts()) == 1


async def test_calls_cut_before_it_is_sent_send_the_call_elsewhere(
    comfyui_server: ComfyUIProcess, mortal: ComfyUIProcess
) -> None:
    await comfyui_server.refuse(1)
    async with asking(comfyui_server.url, mortal.url) as provider:
        assert len((await Call().made_by(provider)).pictures) == 1
    assert await comfyui_server.prompts() == []


async def test_no_socket_is_left_behind(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await Call().made_by(comfyui)
    assert await comfyui_server.sockets(until=0) == 0
