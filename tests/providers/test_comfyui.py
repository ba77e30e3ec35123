"""Graphs run by ComfyUI that go well."""

from decimal import Decimal
from pathlib import Path

import pytest

from domain.providers import Recovery
from providers.comfyui import ComfyUI
from providers.pictures import read_picture
from tests.providers.comfyui_asking import LOADER, OUTPUT, SOURCE, Call, a_graph, asking, begun
from tests.servers.comfyui_process import ComfyUIProcess, start_comfyui


async def test_a_graph_makes_a_picture_that_says_where_it_comes_from(comfyui: ComfyUI) -> None:
    call = Call()
    answer = await call.made_by(comfyui)
    assert (answer.model, answer.cost, len(answer.pictures)) == ("comfyui", Decimal("0.5"), 1)
    picture = answer.pictures[0]
    assert (await read_picture(picture.data)).mime_type == "image/png"
    assert picture.seed == "7"
    assert picture.meta == {"provider": "comfyui", "promptId": call.prompt_ids[0], "server": "127.0.0.1"}


async def test_the_source_decides_the_picture_and_is_stored_once(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await Call().made_by(comfyui)
    await Call().made_by(comfyui)
    loaded = [prompt["graph"][LOADER]["inputs"]["image"] for prompt in await comfyui_server.prompts()]
    assert loaded[0] == loaded[1]
    stored = comfyui_server.directory / "input" / loaded[0]
    assert stored.read_bytes() == SOURCE
    assert len(list(stored.parent.iterdir())) == 1


async def test_progress_rises_to_the_end(comfyui: ComfyUI) -> None:
    call = Call()
    await call.made_by(comfyui)
    assert call.progress == sorted(set(call.progress))
    assert call.progress[-1] == 1.0
    assert len(call.progress) > len(call.graph)


async def test_what_the_cache_has_counts_as_done(comfyui: ComfyUI) -> None:
    await Call().made_by(comfyui)
    again = Call()
    await again.made_by(comfyui)
    assert again.progress[0] >= (len(again.graph) - 1) / len(again.graph)


async def test_an_equal_graph_leaves_a_file_of_its_own(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    first = (await Call().made_by(comfyui)).pictures[0]
    for file in (comfyui_server.directory / "output").rglob("*.png"):
        file.unlink()
    second = (await Call().made_by(comfyui)).pictures[0]
    assert (await read_picture(first.data)).width == (await read_picture(second.data)).width


async def test_the_graph_of_the_caller_stays_as_it_is(comfyui: ComfyUI) -> None:
    call = Call()
    await call.made_by(comfyui)
    assert call.graph == a_graph()


async def test_all_pictures_of_a_preview_are_taken_and_none_is_an_old_one(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    empty = {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 16, "batch_size": 3, "color": 5}}
    graph = {"1": empty, "p": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
    assert len((await Call(graph=graph, output="p", source=None).made_by(comfyui)).pictures) == 3
    for file in (comfyui_server.directory / "temp").iterdir():
        file.unlink()
    answer = await Call(graph=graph, output="p", source=None).made_by(comfyui)
    assert (len(answer.pictures), answer.cost, answer.pictures[0].seed) == (3, Decimal("0.5"), None)


async def test_a_blocked_branch_beside_it_does_no_harm(comfyui: ComfyUI) -> None:
    graph = a_graph()
    graph["b"] = {"class_type": "LabBlock", "inputs": {"image": ["6", 0], "msg": "not today"}}
    graph["p"] = {"class_type": "PreviewImage", "inputs": {"images": ["b", 0]}}
    assert len((await Call(graph=graph).made_by(comfyui)).pictures) == 1


async def test_the_job_is_noted_before_the_server_hears_of_it(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    call = Call(graph=a_graph(checkpoint="unknown.safetensors"))
    await call.failure(comfyui)
    assert await comfyui_server.prompts() == []
    assert call.noted == [f"{call.prompt_ids[0]}@{comfyui_server.url}"]


@pytest.mark.parametrize("version", ["0.3.64", "0.8.0", "0.26.0"])
async def test_servers_of_every_age_are_understood(tmp_path: Path, version: str) -> None:
    with start_comfyui(tmp_path, "--version", version) as server:
        async with asking(server.url) as provider:
            assert len((await Call().made_by(provider)).pictures) == 1
            await server.script("hold")
            call = Call(graph=a_graph(seed=8))
            task = call.begin(provider)
            await begun(server, 2)
            call.unwanted = True
            task.cancel()
            assert await server.interrupted(at_least=1) == call.prompt_ids


async def test_a_prompt_of_one_line_names_its_node_input_and_reason(comfyui: ComfyUI) -> None:
    error = await Call(graph=a_graph(checkpoint="unknown.safetensors")).failure(comfyui)
    assert "Node 1 (CheckpointLoaderSimple): ckpt_name: Value not in list: 'unknown.safetensors'" in error.message
    assert not error.retryable


def test_its_terms_say_how_much_it_takes_at_once_and_that_it_can_be_asked_later() -> None:
    terms = ComfyUI(["http://a:1", "http://b:1"], price_credits=Decimal(3), longest_seconds=60).graph_terms
    assert (terms.provider, terms.price, terms.recovery) == ("comfyui", Decimal(3), Recovery.LOOKUP)
    assert (terms.at_once, terms.longest_seconds) == (2, 60)


async def test_credentials_of_the_address_are_sent_and_told_to_nobody(
    comfyui_server: ComfyUIProcess, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asking(comfyui_server.url.replace("http://", "http://studio:quagga@")) as provider:
        await comfyui_server.script("lost-answer")
        call = Call()
        answer = await call.made_by(provider)
    printed = capsys.readouterr()
    assert "quagga" not in f"{call.noted}{answer.pictures[0].meta}{printed.out}{printed.err}{caplog.text}"


async def test_an_output_that_is_no_node_is_refused_at_once(comfyui: ComfyUI) -> None:
    error = await Call(output="unknown").failure(comfyui)
    assert (error.retryable, OUTPUT in error.message) == (False, False)
