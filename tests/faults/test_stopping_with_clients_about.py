"""A server that is told to stop stops soon, whoever still listens, talks, or reads nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.wires import CLOSE_SECONDS
from tests.faults.beating import Beating, beating
from tests.faults.plain_sockets import Speech
from tests.faults.raw_sockets import RawSocket, introduced, text

pytestmark = pytest.mark.slow

MOST_SECONDS = CLOSE_SECONDS + 2  # of the 10 that it may take
SCHEMA = "{ __schema { types { name description fields { name description args { name description } } } } }"
STREAM = json.dumps({"query": "subscription { stream(channels: [{name: RUNS}]) { event } }"})


@pytest.fixture
async def server(tmp_path: Path, database_url: str) -> AsyncIterator[Beating]:
    async with beating(tmp_path, database_url) as one:
        yield one


async def test_one_that_reads_nothing_does_not_hold_it_up(server: Beating) -> None:
    ask = {"type": "subscribe", "payload": {"query": SCHEMA}}
    async with introduced(server.key, Speech.GRAPHQL, narrow=True) as stuck:
        await stuck.write(*(text({**ask, "id": str(number)}) for number in range(60)))
        await asyncio.sleep(2)  # that it is stuck
        async with introduced(server.key, Speech.GRAPHQL) as other:
            server.stop()
            assert await other.hear() == {"closed": 1012}
            await server.ended(MOST_SECONDS)


@pytest.mark.parametrize("speech", [Speech.GRAPHQL, Speech.ENVELOPE])
async def test_those_that_go_on_talking_do_not_hold_it_up(server: Beating, speech: Speech) -> None:
    async with AsyncExitStack() as stack:
        talking = []
        for _ in range(10):
            one = await stack.enter_async_context(introduced(server.key, speech))
            talking.append(asyncio.create_task(talk(one)))
        await asyncio.sleep(0.3)
        server.stop()
        await server.ended(MOST_SECONDS)
        await asyncio.gather(*talking)


async def talk(one: RawSocket) -> None:
    with suppress(ConnectionError):
        while True:
            await one.write(text({"type": "ping"}) * 10)
            await asyncio.sleep(0.01)


async def test_an_event_stream_that_is_asked_for_meanwhile_is_to_be_asked_for_elsewhere(server: Beating) -> None:
    async with asking(server) as (said, late), asking(server) as (heard, early):
        said.write(STREAM[:10].encode())
        heard.write(STREAM.encode())
        await early.readuntil(b":\n\n")
        server.stop()
        await early.read()  # to its end: the server stops
        said.write(STREAM[10:].encode())
        answer = await late.read()
        await server.ended(MOST_SECONDS)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer.lower()


@asynccontextmanager
async def asking(server: Beating) -> AsyncIterator[tuple[asyncio.StreamWriter, asyncio.StreamReader]]:
    """A request for an event stream whose body is still to be said."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        f"POST /v1/streams HTTP/1.1\r\nHost: {address.netloc}\r\nX-API-Key: {server.key.apiKey}\r\n"
        f"Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {len(STREAM)}\r\n\r\n".encode()
    )
    yield writer, reader
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
