"""What a socket may say: whatever is not the protocol's closes it with 4400, and nothing else happens."""

import pytest

from tests.api.talking import acknowledged, talking
from tests.studio import Client

QUERY = '"payload":{"query":"{__typename}"'
FRAMES: dict[str, str | bytes] = {
    "a list": "[]",
    "null": "null",
    "a number": "1",
    "a text": '"x"',
    "no JSON": "{",
    "nothing": "",
    "NaN": "NaN",
    "deep arrays": "[" * 60_000,
    "a number of 5,000 digits": f'{{"type":"ping","payload":{"1" * 5_000}}}',
    "no type": "{}",
    "a type that is a number": '{"type":1}',
    "an unknown type": '{"type":"start"}',
    "a very long type": f'{{"type":"{"é" * 500}"}}',
    "no id": f'{{"type":"subscribe",{QUERY}}}}}',
    "an id that is an object": f'{{"id":{{}},"type":"subscribe",{QUERY}}}}}',
    "an id that is a number": f'{{"id":1,"type":"subscribe",{QUERY}}}}}',
    "an empty id": f'{{"id":"","type":"subscribe",{QUERY}}}}}',
    "a long id": f'{{"id":"{"x" * 200}","type":"subscribe",{QUERY}}}}}',
    "no payload": '{"id":"1","type":"subscribe"}',
    "a null payload": '{"id":"1","type":"subscribe","payload":null}',
    "no query": '{"id":"1","type":"subscribe","payload":{}}',
    "a query that is a number": '{"id":"1","type":"subscribe","payload":{"query":1}}',
    "variables that are a list": f'{{"id":"1","type":"subscribe",{QUERY},"variables":[]}}}}',
    "an operation name that is a number": f'{{"id":"1","type":"subscribe",{QUERY},"operationName":1}}}}',
    "extensions that are a text": f'{{"id":"1","type":"subscribe",{QUERY},"extensions":"x"}}}}',
    "a complete without an id": '{"type":"complete"}',
    "a complete with an id that is a list": '{"type":"complete","id":[]}',
    "a ping with a number": '{"type":"ping","payload":1}',
    "binary": b'{"type":"ping"}',
    "binary that is no text": b"\xff\xfe",
}


async def test_a_frame_that_is_not_the_protocols_is_closed_with_4400(client: Client) -> None:
    codes = {}
    for name, frame in FRAMES.items():
        async with acknowledged(client) as talker:
            await talker.socket.send(frame)
            codes[name], reason = await talker.closed()
            assert reason
    assert codes == dict.fromkeys(FRAMES, 4400)


@pytest.mark.parametrize("payload", ["[]", "1", '"x"'])
async def test_an_introduction_that_is_no_object_is_closed_with_4400(client: Client, payload: str) -> None:
    async with talking(client) as talker:
        await talker.socket.send(f'{{"type":"connection_init","payload":{payload}}}')
        assert (await talker.closed())[0] == 4400


async def test_a_frame_over_64_kib_is_closed_with_1009(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.socket.send("x" * 70_000)
        assert (await talker.closed())[0] == 1009
