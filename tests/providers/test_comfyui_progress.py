"""How far a prompt is, from all that a socket may say."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from providers.comfyui.connection import Connection
from providers.comfyui.progress import Progress
from providers.comfyui.sockets import listening
from tests.servers.listening import listening as server_of

ID, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def of_four(told: list[float]) -> Progress:
    progress = Progress(["1", "2", "3", "4"], told.append)
    progress.begin(ID)
    return progress


def states(prompt_id: str = ID, **nodes: Any) -> dict[str, Any]:
    return {"prompt_id": prompt_id, "nodes": {name.removeprefix("n"): state for name, state in nodes.items()}}


RUNNING, FINISHED = {"value": 1, "max": 2, "state": "running"}, {"value": 0.0, "max": 1.0, "state": "finished"}


def test_each_node_counts_alike() -> None:
    told: list[float] = []
    progress = of_four(told)
    progress.hear("execution_cached", {"prompt_id": ID, "nodes": ["1"]})
    progress.hear("progress_state", states(n2=RUNNING))
    progress.hear("progress", {"prompt_id": ID, "node": "2", "value": 3, "max": 4})
    progress.hear("progress_state", states(n2=FINISHED, n3=FINISHED, n4=FINISHED))
    assert told == [0.25, 0.375, 0.4375, 0.99]


def test_it_never_goes_back_even_when_another_prompt_begins() -> None:
    told: list[float] = []
    progress = of_four(told)
    progress.hear("progress_state", states(n1=FINISHED, n2=FINISHED))
    progress.hear("progress_state", states(n1=RUNNING, n2=RUNNING))
    progress.begin(OTHER)
    progress.hear("progress_state", states(OTHER, n1=FINISHED))
    progress.hear("progress_state", states(OTHER, n1=FINISHED, n2=FINISHED, n3=FINISHED))
    assert told == [0.5, 0.75]


def test_prompts_of_others_and_unknown_nodes_do_not_count() -> None:
    told: list[float] = []
    progress = of_four(told)
    progress.hear("progress_state", states(OTHER, n1=FINISHED))
    progress.hear("progress_state", states(n77=FINISHED))
    progress.hear("execution_cached", {"nodes": ["1"]})
    assert told == []


@pytest.mark.parametrize(
    "state",
    [
        {"value": 1, "max": 0},
        {"value": 2, "max": 1},
        {"value": -1, "max": 1},
        {"value": "1", "max": "2"},
        {"value": 10**400, "max": 10**400},
        {"max": 1},
        [],
        None,
    ],
)
def test_numbers_that_make_no_sense_count_nothing(state: Any) -> None:
    told: list[float] = []
    of_four(told).hear("progress_state", states(n1=state))
    assert told == []


@pytest.mark.parametrize(
    "data", [{"node": "1", "prompt_id": ID}, {"node": None, "prompt_id": OTHER}, {"prompt_id": ID}]
)
def test_only_the_last_word_about_our_prompt_says_that_it_is_over(data: dict[str, Any]) -> None:
    assert not of_four([]).hear("executing", data)
    assert of_four([]).hear("executing", {"node": None, "prompt_id": ID})


ODD_MESSAGES: dict[str, str | bytes] = {
    "no-json": "hello",
    "number": "5",
    "data-of-text": json.dumps({"type": "progress_state", "data": "x"}),
    "nodes-of-text": json.dumps({"type": "progress_state", "data": {"prompt_id": ID, "nodes": "x"}}),
    "cached-objects": json.dumps({"type": "execution_cached", "data": {"prompt_id": ID, "nodes": [{}, [], None]}}),
    "node-object": json.dumps({"type": "progress", "data": {"prompt_id": ID, "node": {}, "value": 1, "max": 2}}),
    "type-object": json.dumps({"type": {}, "data": {"prompt_id": ID}}),
    "deep": "[" * 100_000,
    "preview": b"\x00\x00\x00\x01" + b"x" * 100_000,
    "too-large": b"x" * (5 * 1024 * 1024),
}


@pytest.mark.parametrize("name", ODD_MESSAGES)
async def test_an_odd_message_is_dropped_and_what_follows_is_heard(name: str) -> None:
    """One that is too large ends its socket; the next is told the rest."""
    told: list[float] = []
    oddly: list[bool] = []
    news = asyncio.Event()

    async def tell(socket: ServerConnection) -> None:
        if not oddly:
            oddly.append(True)
            await socket.send(ODD_MESSAGES[name])
        await socket.send(json.dumps({"type": "progress_state", "data": states(n1=FINISHED)}))
        await socket.send(json.dumps({"type": "executing", "data": {"node": None, "prompt_id": ID}}))
        await socket.wait_closed()

    async with serve(tell, "127.0.0.1", 0) as server:
        connection = Connection(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with listening(connection, ID, of_four(told), news), asyncio.timeout(10):
            await news.wait()
        await connection.close()
    assert told == [0.25]


async def test_a_redirected_socket_goes_nowhere_else() -> None:
    reached = asyncio.Event()

    async def reach(socket: ServerConnection) -> None:
        reached.set()

    async with serve(reach, "127.0.0.1", 0) as elsewhere:
        address = f"ws://127.0.0.1:{elsewhere.sockets[0].getsockname()[1]}/"

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()

        async with server_of(redirect) as port:
            connection = Connection(f"http://127.0.0.1:{port}")
            async with listening(connection, ID, of_four([]), asyncio.Event()):
                assert not reached.is_set()
            await connection.close()
    assert not reached.is_set()
