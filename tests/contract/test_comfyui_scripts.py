"""The ComfyUI of the tests misbehaves as it is told to, and says what it was asked."""

import asyncio
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosedError

from tests.contract.comfyui_talking import Talk, image, sampled, save, slow


@pytest.mark.parametrize(
    "text", ["nonsense", "slow", "slow:soon", "error", "error:Nope", "ok:1", "invalid", "hold:2", "vanish:1"]
)
async def test_a_script_that_means_nothing_is_refused(talk: Talk, text: str) -> None:
    with pytest.raises(httpx2.HTTPStatusError, match="400"):
        await talk.server.script("ok", text)
    assert (await talk.run(image()))["status"]["completed"]


@pytest.mark.parametrize("text", ["error:KSampler", "invalid:9"])
async def test_a_script_that_the_graph_cannot_follow_says_so(talk: Talk, text: str) -> None:
    await talk.server.script(text)
    answer = await talk.post(image())
    assert (answer.status_code, "the script wants" in answer.text) == (500, True)


@pytest.mark.parametrize(
    ("text", "node_type", "error"),
    [
        ("error:VAEDecode", "VAEDecode", "RuntimeError"),
        ("oom", "KSampler", "torch.OutOfMemoryError"),
    ],
)
async def test_a_scripted_error_ends_the_job_even_where_all_is_cached(
    talk: Talk, text: str, node_type: str, error: str
) -> None:
    await talk.run(sampled())
    await talk.server.script(text)
    kind, told = (await talk.run(sampled()))["status"]["messages"][-1]
    assert (kind, told["node_type"], told["exception_type"]) == ("execution_error", node_type, error)


async def test_a_blocked_job_succeeds_with_nothing(talk: Talk) -> None:
    await talk.server.script("blocked")
    entry = await talk.run(sampled())
    assert (entry["status"]["completed"], entry["outputs"]) == (True, {})


async def test_a_scripted_refusal_names_the_node(talk: Talk) -> None:
    await talk.server.script("invalid:sampler")
    answer = await talk.post(sampled())
    assert (answer.status_code, list(answer.json()["node_errors"])) == (400, ["sampler"])
    assert await talk.server.prompts() == []


async def test_a_dropped_output_is_told_beside_the_rest(talk: Talk) -> None:
    await talk.server.script("dropped-output")
    answer = await talk.post({**image(), "4": save(["1", 0])})
    assert (answer.status_code, list(answer.json()["node_errors"])) == (200, ["4"])
    await talk.server.executed(at_least=1)
    assert list((await talk.entry(answer.json()["prompt_id"]))["outputs"]) == ["2"]


async def test_a_prompt_answered_with_500_runs(talk: Talk) -> None:
    await talk.server.script("500-but-queued")
    assert (await talk.post(image())).status_code == 500
    ((prompt,), executed) = await talk.server.prompts(), await talk.server.executed(at_least=1)
    assert executed == [prompt["prompt_id"]]


async def test_a_prompt_whose_answer_is_lost_runs(talk: Talk) -> None:
    await talk.server.script("lost-answer")
    with pytest.raises(httpx2.TransportError):
        await talk.post(image())
    assert len(await talk.server.executed(at_least=1)) == 1


async def test_late_history_comes_after_the_news_of_success(talk: Talk) -> None:
    await talk.server.script("no-history:0.1")
    async with talk.listen("A") as socket:
        prompt_id = await talk.begin(image(), client_id="A")
        await socket.until("execution_success")
        assert await talk.get(f"/history/{prompt_id}") == {}
        assert [item[1] for item in (await talk.get("/queue"))["queue_running"]] == [prompt_id]
        await socket.until("executing null")
    assert (await talk.entry(prompt_id))["outputs"]


async def test_a_vanished_prompt_is_nowhere_and_nobody_is_told(talk: Talk) -> None:
    await talk.server.script("vanish")
    async with talk.listen("A") as socket:
        prompt_id = await talk.begin(image(), client_id="A")
        assert await socket.until("status 0") == ["status 1", "status 1"]
    assert await talk.get("/queue") == {"queue_running": [], "queue_pending": []}
    assert await talk.get("/history") == {}
    assert [prompt["prompt_id"] for prompt in await talk.server.prompts()] == [prompt_id]


async def test_slow_and_held_jobs_take_their_time(talk: Talk) -> None:
    await talk.server.script("slow:0.05", "hold")
    async with talk.listen("A") as socket:
        await talk.begin(image(), client_id="A")
        await talk.begin(image(color=4), client_id="A")
        await socket.until("executing null")
        await socket.until("executing 1")
        await talk.server.release()
        await socket.until("executing null")


@pytest.mark.parametrize("text", ["slow:30", "hold"])
async def test_a_waiting_job_hears_an_interrupt_at_once(talk: Talk, text: str) -> None:
    await talk.server.script(text)
    async with talk.listen("A") as socket:
        prompt_id = await talk.begin(sampled(), client_id="A")
        await socket.until("executing sampler")
        await talk.http.post("/interrupt", json={"prompt_id": prompt_id})
        await socket.until("execution_interrupted sampler")
    assert await talk.server.interrupted(at_least=1) == [prompt_id]


async def file_of(talk: Talk, behaviour: str) -> dict[str, str]:
    await talk.server.script(behaviour)
    found: dict[str, str] = (await talk.run(image()))["outputs"]["2"]["images"][0]
    return found


async def test_a_wrong_file_is_not_found(talk: Talk) -> None:
    assert (await talk.view(await file_of(talk, "wrong-file"))).status_code == 404


async def test_half_a_file_ends_in_a_cut_connection(talk: Talk) -> None:
    with pytest.raises(httpx2.TransportError):
        await talk.view(await file_of(talk, "half-file"))


async def test_a_file_that_is_no_picture_says_it_is_one(talk: Talk) -> None:
    answer = await talk.view(await file_of(talk, "not-an-image"))
    assert (answer.headers["content-type"], answer.content[:4]) == ("image/png", b"no p")


async def test_a_huge_file_does_not_announce_its_size(talk: Talk) -> None:
    answer = await talk.view(await file_of(talk, "huge-file:1000000"))
    assert ("content-length" in answer.headers, len(answer.content) >= 1_000_000) == (False, True)


async def test_cut_sockets_end_without_a_goodbye(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        await talk.server.cut_sockets()
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.next()
        assert closed.value.rcvd is None
    assert await talk.server.sockets(until=0) == 0


async def test_a_silent_server_goes_on_over_http(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        await talk.server.go_silent()
        await talk.begin(image(), client_id="A")
        await talk.server.executed(at_least=1)
        await (await socket.connection.ping())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await socket.next()


async def test_refused_calls_end_in_a_reset_connection(talk: Talk) -> None:
    await talk.server.refuse(2)
    for _ in range(2):
        with pytest.raises(httpx2.TransportError):
            await talk.http.get("/queue")
    assert (await talk.http.get("/queue")).status_code == 200


async def test_somebody_elses_prompts_stand_in_the_way_until_released(talk: Talk) -> None:
    foreign = await talk.server.busy_with(3)
    own = await talk.begin(image())
    await talk.server.release()
    assert await talk.server.executed(at_least=4) == [*foreign, own]
    assert [prompt["prompt_id"] for prompt in await talk.server.prompts()] == [own]


async def test_the_prompts_are_kept_as_they_came(talk: Talk) -> None:
    waiting = asyncio.ensure_future(talk.server.prompts(at_least=1))
    more: dict[str, Any] = {"client_id": "A", "number": 3}
    prompt_id = await talk.begin(slow(), **more)
    (prompt,) = await waiting
    assert (prompt["prompt_id"], prompt["graph"]) == (prompt_id, slow())
    assert (prompt["client_id"], prompt["number"]) == ("A", 3)


async def test_the_pace_of_the_sampler_can_be_set(talk: Talk) -> None:
    await talk.server.set_pace(30.0)
    async with talk.listen("A") as socket:
        await talk.begin(sampled(), client_id="A")
        await socket.until("executing sampler")
        await talk.server.reset()
        assert await talk.get("/queue") == {"queue_running": [], "queue_pending": []}
