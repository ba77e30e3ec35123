"""What the ComfyUI of the tests loses and keeps when it dies, and how one slow reader holds up the others."""

import asyncio
import os
import socket
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed

from tests.contract.comfyui_talking import Talk, image, save, slow, talking
from tests.servers.comfyui_process import start_comfyui


async def test_being_killed_loses_all_but_the_files(tmp_path: Path) -> None:
    with start_comfyui(tmp_path) as server:
        async with talking(server) as talk:
            done = await talk.run({**image(), "4": {**save(["1", 0]), "class_type": "PreviewImage"}})
            await server.script("hold")
            lost = await talk.begin(slow())
            async with talk.listen("A") as socket:
                server.kill()
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.next()
        assert closed.value.rcvd is None
        server.start()
        async with talking(server) as talk:
            files = [done["outputs"][node]["images"][0] for node in ("2", "4")]
            assert [(await talk.view(file)).status_code for file in files] == [200, 404]
            assert await talk.get("/queue") == {"queue_running": [], "queue_pending": []}
            assert await talk.get(f"/history/{lost}") == {}
            again = await talk.run(image(), prompt_id=lost)
            assert again["prompt"][:2] == [0, lost]
            assert again["outputs"]["2"]["images"][0]["filename"] == "lab_00002_.png"


@pytest.mark.parametrize("client_id", [{"a": 1}, ["a"]])
async def test_a_client_id_that_is_no_string_kills_the_server(tmp_path: Path, client_id: object) -> None:
    with start_comfyui(tmp_path) as server:
        async with talking(server) as talk, talk.listen(uuid4().hex) as socket:
            await talk.begin(image(), client_id=client_id)
            with pytest.raises(ConnectionClosed):
                await socket.until("executing null")


async def test_being_terminated_says_no_goodbye(tmp_path: Path) -> None:
    with start_comfyui(tmp_path) as server:
        async with talking(server) as talk, talk.listen("A") as socket:
            server.terminate()
            with pytest.raises(ConnectionClosed) as closed:
                await socket.next()
            assert closed.value.rcvd is None


async def test_a_reader_that_stalls_holds_up_every_other(talk: Talk) -> None:
    handshake = (
        f"GET /ws?clientId=stalled HTTP/1.1\r\nHost: 127.0.0.1:{talk.server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await talk.upload("noise.png", noise())
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "noise.png"}},
        "2": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
    }
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.connect(("127.0.0.1", talk.server.port))
    with stalled:
        stalled.sendall(handshake.encode())
        async with talk.listen("B") as other:
            await talk.begin(graph, client_id="stalled")
            own = await talk.begin(image(), client_id="B")
            await talk.server.executed(at_least=2)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await other.until("execution_success")
            assert (await talk.entry(own))["outputs"]
            stalled.close()
            await other.until("executing null")


def noise() -> bytes:
    """More than the buffers between two sockets hold."""
    written = BytesIO()
    Image.frombytes("RGB", (1800, 1800), os.urandom(1800 * 1800 * 3)).save(written, "PNG")
    return written.getvalue()
