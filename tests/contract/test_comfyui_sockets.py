"""The ComfyUI of the tests says on its socket what a real one was heard to say, in that order."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.contract.comfyui_talking import Graph, Socket, Talk, image, save, slow, through

FEATURES = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
QUEUED = ["status 1", "status 1", "execution_start"]
FIRST = ["progress_state 1:running", "executing 1", "progress_state 1:finished"]
SECOND = ["progress_state 1:finished 3:running", "executing 3"]
LAST = ["progress_state 1:finished 3:finished 2:running", "executing 2", "executed lab_00001_.png"]
SAVED = [*LAST, "progress_state 1:finished 3:finished 2:finished"]
SUCCESS = ["execution_success", "status 0"]
STEP = "progress_state 1:finished 3:running"


async def heard(talk: Talk, graph: Graph, *sent: str) -> list[str]:
    """What the owner of a prompt hears of it, having said this first."""
    async with talk.listen("A") as socket:
        for message in sent:
            await socket.connection.send(message)
        if sent:
            assert await socket.next() == "feature_flags"
        await talk.begin(graph, client_id="A")
        return await socket.until("executing null")


async def test_a_prompt_is_told_node_by_node(talk: Talk) -> None:
    assert await heard(talk, image()) == [
        *QUEUED,
        "execution_cached -",
        *FIRST,
        "progress_state 1:finished 2:running",
        "executing 2",
        "executed lab_00001_.png",
        "progress_state 1:finished 2:finished",
        *SUCCESS,
    ]


async def test_the_same_graph_again_comes_from_the_cache_with_the_old_file(talk: Talk) -> None:
    await talk.run(image())
    cached = "execution_cached 1 2"
    wanted = [*QUEUED, cached, "executed lab_00001_.png", "progress_state 2:finished", *SUCCESS]
    assert await heard(talk, image()) == wanted
    (talk.server.directory / "output" / "lab_00001_.png").unlink()
    assert await heard(talk, image()) == wanted
    assert (await talk.view({"filename": "lab_00001_.png"})).status_code == 404


async def test_what_changed_runs_and_the_rest_comes_from_the_cache(talk: Talk) -> None:
    await talk.run(image())
    told = await heard(talk, {**image(), "2": save(["1", 0], "sub/dir/other")})
    assert told == [
        *QUEUED,
        "execution_cached 1",
        "progress_state 2:running",
        "executing 2",
        "executed other_00001_.png",
        "progress_state 2:finished",
        *SUCCESS,
    ]
    assert (talk.server.directory / "output" / "sub" / "dir" / "other_00001_.png").is_file()


async def test_freed_memory_forgets_the_cache(talk: Talk) -> None:
    await talk.run(image())
    assert (await talk.http.post("/free", json={"free_memory": True})).content == b""
    assert "execution_cached -" in await heard(talk, image())
    assert (await talk.http.post("/free")).status_code == 500


async def test_previews_follow_their_progress(talk: Talk) -> None:
    steps = [word for n in (1, 2) for word in (STEP, f"progress 3 {n}/2", "frame 1 1")]
    done = "progress_state 1:finished 3:finished"
    wanted = [*QUEUED, "execution_cached -", *FIRST, *SECOND, *steps, done, *SAVED, *SUCCESS]
    assert await heard(talk, slow(2, preview=True)) == wanted


async def test_previews_with_metadata_come_before_their_progress(talk: Talk) -> None:
    told = await heard(talk, slow(2, preview=True), FEATURES)
    steps = [word for n in (1, 2) for word in (STEP, "frame 4 3 image/jpeg", f"progress 3 {n}/2")]
    assert told[9:15] == steps


@pytest.mark.parametrize(("sent", "frame"), [((), "frame 1 2"), ((FEATURES,), "frame 4 2 image/png")])
async def test_an_output_for_the_socket_is_a_frame_for_each_picture(talk: Talk, sent: tuple[str], frame: str) -> None:
    node = {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}}
    told = await heard(talk, {**image(batch_size=2), "2": node}, *sent)
    assert [word for word in told if word.startswith(("frame", "progress 2", "executed"))] in (
        [frame, "progress 2 0/2", frame, "progress 2 1/2"],
        ["progress 2 0/2", frame, "progress 2 1/2", frame],
    )


async def test_only_the_first_message_of_a_client_counts(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        for message in ("garbage", b"\x00", FEATURES):
            await socket.connection.send(message)
        await talk.begin(image(), client_id="A")
        assert "feature_flags" not in await socket.until("executing null")


async def test_an_error_ends_without_success(talk: Talk) -> None:
    told = await heard(talk, {**through("LabError", msg="boom"), "4": {**save(["1", 0]), "class_type": "PreviewImage"}})
    assert told[-5:] == [
        "progress_state 1:finished 4:finished",
        "progress_state 1:finished 4:finished 3:running",
        "executing 3",
        "execution_error ValueError",
        "status 0",
    ]


async def test_an_error_says_what_ran_and_what_went_in(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        await talk.begin(through("LabError", msg="boom"), client_id="A")
        await socket.until("execution_error ValueError")
    told = socket.messages[-1]["data"]
    assert (told["node_id"], told["node_type"], told["executed"]) == ("3", "LabError", ["1"])
    assert (told["exception_message"], told["current_inputs"]["msg"]) == ("boom\n", ["boom"])


async def test_saving_outside_the_output_directory_fails_while_running(talk: Talk) -> None:
    told = await heard(talk, {**image(), "2": save(["1", 0], "../outside")})
    assert told[-2:] == ["execution_error RuntimeError", "status 0"]


async def test_a_blocked_node_tells_an_error_and_the_job_succeeds(talk: Talk) -> None:
    preview = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    async with talk.listen("A") as socket:
        prompt_id = await talk.begin({**through("LabBlock", msg="boom"), "4": preview}, client_id="A")
        told = await socket.until("executing null")
    assert "execution_error ExecutionBlocked" in told
    assert told[-2:] == SUCCESS
    blocked = next(one["data"] for one in socket.messages if one["type"] == "execution_error")
    assert (blocked["node_id"], "timestamp" in blocked) == ("2", False)
    entry = await talk.entry(prompt_id)
    assert (list(entry["outputs"]), entry["status"]["status_str"]) == (["4"], "success")
    assert [kind for kind, _ in entry["status"]["messages"]] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]


async def test_an_interrupt_is_heard_at_the_next_progress(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        prompt_id = await talk.begin(slow(1000), client_id="A")
        await socket.until("progress 3 1/1000")
        await talk.http.post("/interrupt", json={"prompt_id": prompt_id})
        await socket.until("execution_interrupted 3")
        assert socket.messages[-1]["data"]["executed"] == ["1"]
        assert [await socket.next() for _ in range(2)] == ["status 0", "executing null"]


async def test_a_node_that_never_checks_is_interrupted_after_it(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        await talk.begin(slow(10, check_interrupt=False), client_id="A")
        await socket.until("progress 3 1/10")
        await talk.http.post("/interrupt")
        told = await socket.until("execution_interrupted 2")
    assert told[-3:] == ["progress_state 1:finished 3:finished", *LAST[:2]]


async def test_jobs_back_to_back_follow_one_another_on_one_socket(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        await talk.begin(slow(), client_id="A")
        await talk.begin(image(color=9), client_id="A")
        assert "status 2" in await socket.until("executing null")
        assert [await socket.next() for _ in range(2)] == ["status 1", "execution_start"]
        await socket.until("executing null")


async def test_history_is_written_after_success_is_told(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        prompt_id = await talk.begin(image(), client_id="A")
        await socket.until("execution_success")
        assert await talk.get(f"/history/{prompt_id}") == {}
        await socket.until("executing null")
        assert list(await talk.get(f"/history/{prompt_id}")) == [prompt_id]


async def test_others_hear_only_the_status_of_a_job_with_an_owner(talk: Talk) -> None:
    async with talk.listen("me") as socket:
        await talk.begin(slow(), client_id="other")
        assert await socket.until("status 0") == ["status 1", "status 1"]


async def test_everybody_hears_the_progress_of_a_job_without_an_owner(talk: Talk) -> None:
    async with talk.listen("A") as one, talk.listen("B") as other:
        await talk.begin(slow(1, preview=True))
        steps = [STEP, "progress 3 1/1", "frame 1 1"]
        start = ["status 1", "status 1", FIRST[0], FIRST[2], STEP]
        for socket in (one, other):
            assert (await socket.until("status 0"))[:8] == [*start, *steps]


async def test_a_number_as_client_id_reaches_no_socket(talk: Talk) -> None:
    async with talk.listen("7") as socket:
        await talk.begin(image(), client_id=7)
        assert await socket.until("status 0") == ["status 1", "status 1"]


async def test_coming_back_says_where_the_job_is_without_its_id(talk: Talk) -> None:
    await talk.server.script("hold")
    async with talk.listen("A") as socket:
        await talk.begin(slow(), client_id="A")
        await socket.until("executing 3")
    await talk.server.sockets(until=0)
    async with talk.listen("A") as socket:
        assert await socket.next() == "executing 3"
        assert socket.messages[-1]["data"] == {"node": "3"}
        await talk.server.release()
        assert (await socket.until("executing null"))[-2:] == SUCCESS


async def test_coming_back_after_the_end_replays_nothing(talk: Talk) -> None:
    await talk.run(image(), client_id="A")
    async with talk.listen("A") as socket:
        await talk.begin(image(), client_id="other")
        assert await socket.until("status 0") == ["status 1", "status 1"]


async def test_the_newest_socket_of_a_client_gets_all_and_is_forgotten_with_the_older(talk: Talk) -> None:
    async with talk.listen("A") as older, talk.listen("B") as watcher, talk.listen("A") as newer:
        await talk.begin(image(), client_id="A")
        assert (await newer.until("executing null"))[-2:] == SUCCESS
        await older.connection.close()
        await talk.server.sockets(until=2)
        await watcher.until("status 0")
        await talk.begin(image(), client_id="A")
        await watcher.until("status 0")
        await _hears_nothing(newer)


async def test_a_socket_without_an_id_is_given_one(talk: Talk) -> None:
    async with talk.listen("") as socket:
        assert len(socket.messages[0]["data"]["sid"]) == 32


async def test_a_message_over_four_mebibytes_closes_the_socket(talk: Talk) -> None:
    async with talk.listen("A") as socket:
        await socket.connection.send("x" * (4 * 1024 * 1024 + 1))
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.next()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1009


async def test_a_socket_from_a_foreign_page_is_refused(talk: Talk) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk.listen("A", Origin="http://evil.example"):
            pass
    assert refused.value.response.status_code == 403


async def _hears_nothing(socket: Socket) -> None:
    """It is open, for a ping is answered; what had been sent before would be here."""
    await (await socket.connection.ping())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await socket.next()
