"""Several ComfyUI servers: whose turn it is, and what happens when one is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from domain.errors import ErrorCode
from providers.comfyui import ComfyUI
from tests.providers.comfyui_asking import Call, a_graph, asking, queued_at
from tests.servers.comfyui_process import ComfyUIProcess, start_comfyui

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[ComfyUIProcess]]:
    with ExitStack() as stack:
        yield [stack.enter_context(start_comfyui(tmp_path / name)) for name in ("one", "two")]


@pytest.fixture
async def both(pair: list[ComfyUIProcess]) -> AsyncIterator[ComfyUI]:
    async with asking(*(server.url for server in pair)) as provider:
        yield provider


async def test_ten_calls_share_two_servers_and_never_two_are_at_one(pair: list[ComfyUIProcess], both: ComfyUI) -> None:
    for server in pair:
        await server.script(*["hold"] * 10)
    tasks = [Call(graph=a_graph(seed=seed)).begin(both) for seed in range(10)]
    for turn in range(1, 6):
        for server in pair:
            assert len(await server.prompts(at_least=turn)) == turn
            assert len(await queued_at(server)) == 1
        for server in pair:
            await server.release()
    answers = await asyncio.gather(*tasks)
    assert [len(answer.pictures) for answer in answers] == [1] * 10
    assert [len(await server.executed()) for server in pair] == [5, 5]


async def test_calls_that_come_one_by_one_go_round(pair: list[ComfyUIProcess], both: ComfyUI) -> None:
    for _ in range(4):
        await Call().made_by(both)
    assert [len(await server.prompts()) for server in pair] == [2, 2]


async def test_the_server_with_nothing_to_do_goes_first(pair: list[ComfyUIProcess], both: ComfyUI) -> None:
    await pair[0].busy_with(2)
    for _ in range(3):
        await Call().made_by(both)
    assert [len(await server.prompts()) for server in pair] == [0, 3]


async def test_prompts_of_others_are_waited_for_and_left_alone(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    foreign = await comfyui_server.busy_with(3)
    call = Call()
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    assert await queued_at(comfyui_server) == [*foreign, *call.prompt_ids]
    await comfyui_server.release()
    assert len((await task).pictures) == 1
    assert await comfyui_server.executed() == [*foreign, *call.prompt_ids]


async def test_a_server_that_is_away_is_passed_over(comfyui_server: ComfyUIProcess) -> None:
    async with asking(NOBODY, comfyui_server.url) as provider:
        answers = await asyncio.gather(*(Call(graph=a_graph(seed=seed)).made_by(provider) for seed in range(3)))
    assert len(answers) == len(await comfyui_server.executed()) == 3


def test_a_server_named_twice_is_one_server() -> None:
    assert ComfyUI(["http://gpu:1", "http://gpu:1/", "http://gpu:2"]).graph_terms.at_once == 2


async def test_all_away_is_told_at_once_and_may_be_tried_again() -> None:
    async with asking(NOBODY) as provider, asyncio.timeout(5):
        call = Call()
        error = await call.failure(provider)
    assert (error.code, error.retryable, error.retry_after_seconds) == (ErrorCode.PROVIDER_FAILED, True, 10)
    assert "cannot be reached" in error.message
    assert "EASEL_COMFYUI_URL" in error.message
    assert call.noted == []


async def test_a_server_that_comes_back_is_asked_again(mortal: ComfyUIProcess) -> None:
    async with asking(mortal.url) as provider:
        mortal.kill()
        assert (await Call().failure(provider)).retryable
        mortal.start()
        assert len((await Call().made_by(provider)).pictures) == 1


async def test_away_and_back_are_logged_once_each(mortal: ComfyUIProcess, capsys: pytest.CaptureFixture[str]) -> None:
    async with asking(mortal.url) as provider:
        mortal.kill()
        for _ in range(3):
            await Call().failure(provider)
        mortal.start()
        for _ in range(2):
            await Call().made_by(provider)
    logged = capsys.readouterr().out
    assert (logged.count("server is away"), logged.count("server is back")) == (1, 1)


async def test_a_call_taken_back_while_it_waits_for_its_turn_is_gone(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.script("hold")
    first, second, third = Call(), Call(unwanted=True), Call()
    working = first.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    waiting, last = second.begin(comfyui), third.begin(comfyui)
    await asyncio.sleep(0)  # both wait in line
    waiting.cancel()
    await asyncio.wait({waiting})
    await comfyui_server.release()
    assert len((await working).pictures) == len((await last).pictures) == 1
    assert await comfyui_server.executed() == [*first.prompt_ids, *third.prompt_ids]
    assert second.noted == []
