"""What a socket may say: whatever is not the protocol's closes it with 4400, and nothing else happens."""

import asyncio
import json

import pytest

from tests.api.talking import Talker
from tests.protocols.conversing import GONE_ON, INTRODUCED, answered, ask, closes, converse, hear, say
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_MESSAGE_BYTES = 65_536
QUERY = '"payload":{"query":"{__typename}"'
ALWAYS: dict[str, str | bytes] = {
    "a list": "[]",
    "null": "null",
    "a number": "1",
    "a text": '"x"',
    "true": "true",
    "no JSON": "{",
    "nothing": "",
    "blanks": "  ",
    "two messages": '{"type":"ping"}{"type":"ping"}',
    "a list of messages": '[{"type":"ping"}]',
    "single quotes": "{'type':'ping'}",
    "NaN": "NaN",
    "deep arrays": "[" * 60_000,
    "a deep payload": f'{{"type":"ping","payload":{"[" * 30_000}{"]" * 30_000}}}',
    "a number of 5,000 digits": f'{{"type":"ping","payload":{"1" * 5_000}}}',
    "no type": "{}",
    "a type that is null": '{"type":null}',
    "a type that is a number": '{"type":1}',
    "a type that is an object": '{"type":{}}',
    "an empty type": '{"type":""}',
    "an unknown type": '{"type":"start"}',
    "a type in capitals": '{"type":"PING"}',
    "a very long type": f'{{"type":"{"é" * 500}"}}',
    "a ping with a number": '{"type":"ping","payload":1}',
    "a ping with a list": '{"type":"ping","payload":[]}',
    "a pong with a text": '{"type":"pong","payload":"x"}',
    "an acknowledgement": '{"type":"connection_ack"}',
    "binary": b'{"type":"ping"}',
    "binary that is no text": b"\xff\xfe",
    "no bytes": b"",
}
AFTER_THE_INTRODUCTION: dict[str, str | bytes] = {
    "an answer": f'{{"id":"1","type":"next",{QUERY}}}}}',
    "an error": '{"id":"1","type":"error","payload":[]}',
    "no id": f'{{"type":"subscribe",{QUERY}}}}}',
    "an id that is null": f'{{"id":null,"type":"subscribe",{QUERY}}}}}',
    "an id that is an object": f'{{"id":{{}},"type":"subscribe",{QUERY}}}}}',
    "an id that is a number": f'{{"id":1,"type":"subscribe",{QUERY}}}}}',
    "an empty id": f'{{"id":"","type":"subscribe",{QUERY}}}}}',
    "a long id": f'{{"id":"{"x" * 200}","type":"subscribe",{QUERY}}}}}',
    "no payload": '{"id":"1","type":"subscribe"}',
    "a null payload": '{"id":"1","type":"subscribe","payload":null}',
    "a payload that is a text": '{"id":"1","type":"subscribe","payload":"{__typename}"}',
    "no query": '{"id":"1","type":"subscribe","payload":{}}',
    "a query that is null": '{"id":"1","type":"subscribe","payload":{"query":null}}',
    "a query that is a number": '{"id":"1","type":"subscribe","payload":{"query":1}}',
    "variables that are a list": f'{{"id":"1","type":"subscribe",{QUERY},"variables":[]}}}}',
    "variables that are a text": f'{{"id":"1","type":"subscribe",{QUERY},"variables":"{{}}"}}}}',
    "an operation name that is a number": f'{{"id":"1","type":"subscribe",{QUERY},"operationName":1}}}}',
    "an operation name that is an object": f'{{"id":"1","type":"subscribe",{QUERY},"operationName":{{}}}}}}',
    "extensions that are a text": f'{{"id":"1","type":"subscribe",{QUERY},"extensions":"x"}}}}',
    "a complete without an id": '{"type":"complete"}',
    "a complete with an id that is a list": '{"type":"complete","id":[]}',
    "a complete with an id that is null": '{"type":"complete","id":null}',
    "a complete with an empty id": '{"type":"complete","id":""}',
}


ANY_TIME = {**ALWAYS, **AFTER_THE_INTRODUCTION}


@pytest.mark.parametrize("frame", ANY_TIME.values(), ids=ANY_TIME)
async def test_a_frame_that_is_not_the_protocols_is_closed_with_4400(client: Client, frame: str | bytes) -> None:
    await converse(client, *INTRODUCED, say(frame), closes(4400))


@pytest.mark.parametrize("frame", ALWAYS.values(), ids=ALWAYS)
async def test_it_is_no_better_before_the_introduction(client: Client, frame: str | bytes) -> None:
    await converse(client, say(frame), closes(4400))


@pytest.mark.parametrize("payload", ["[]", "1", '"x"', "true"])
async def test_an_introduction_that_is_no_object_is_closed_with_4400(client: Client, payload: str) -> None:
    await converse(client, say(f'{{"type":"connection_init","payload":{payload}}}'), closes(4400))


def _ping_of(size: int) -> str:
    empty = json.dumps({"type": "ping", "payload": {"x": ""}})
    return empty.replace('""', f'"{"x" * (size - len(empty))}"')


async def test_a_frame_of_64_kib_is_taken_and_one_byte_more_is_closed_with_1009(client: Client) -> None:
    largest = _ping_of(MOST_MESSAGE_BYTES)
    echo = hear(type="pong", payload=json.loads(largest)["payload"])
    await converse(client, *INTRODUCED, say(largest), echo, *GONE_ON)
    too_large = (_ping_of(MOST_MESSAGE_BYTES + 1), "x" * 1_100_000, b"x" * 100_000)
    # At once: where much is still on its way, the server listens for seconds until it lets go.
    await asyncio.gather(
        *(converse(client, *before, say(frame), closes(1009)) for frame in too_large for before in (INTRODUCED, ()))
    )


async def test_a_frame_in_many_small_pieces_is_no_shorter(client: Client) -> None:
    async def pieces(talker: Talker, _: Client) -> None:
        await talker.socket.send("x" * 8_192 for _ in range(9))

    await converse(client, *INTRODUCED, pieces, closes(1009))


@pytest.mark.parametrize("text", ["é", "🙂", "\u2028", "\\u0000", '\\"', "\\ud83d\\ude42"])
async def test_any_text_is_carried_as_it_is(client: Client, text: str) -> None:
    echoed = json.loads(f'"{text}"')
    frame = f'{{"type":"ping","payload":{{"x":"{text}"}}}}'
    await converse(client, *INTRODUCED, say(frame), hear(type="pong", payload={"x": echoed}), *GONE_ON)


MEMBERS: dict[str, str] = {
    "members of later versions": '{"id":"q","type":"subscribe","new":1,"payload":{"query":"{viewer{kind}}","new":[]}}',
    "members in any order": '{"payload":{"query":"{viewer{kind}}"},"type":"subscribe","id":"q"}',
    "blanks and lines": '\n{ "id" : "q" ,\r\n\t"type":"subscribe", "payload": { "query": "{viewer{kind}}" } }\n ',
    "escapes": '{"\\u0069d":"\\u0071","type":"sub\\u0073cribe","payload":{"query":"{viewer{kind}}"}}',
}


@pytest.mark.parametrize("frame", MEMBERS.values(), ids=MEMBERS)
async def test_json_may_be_written_in_any_way(client: Client, frame: str) -> None:
    await converse(client, *INTRODUCED, say(frame), *answered("q"), ask("q"), *answered("q"))
