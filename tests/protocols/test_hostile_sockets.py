"""Whatever a socket says, however fast: the others are served meanwhile, and nothing of it stays."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from app.wires import HEAD_SECONDS, MOST_MESSAGE_BYTES
from tests.protocols.attacking import (
    CONTINUATION,
    PING,
    TEXT,
    Attack,
    Heart,
    accepted,
    attack,
    beating,
    frame,
    opened,
    own_kib,
)
from tests.protocols.conversing import GONE_ON, INTRODUCED, converse
from tests.streams.following import until
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONGEST_SECONDS, MOST_KIB = 0.1, 10_000
CLOSES = b"\x88"  # the first byte of a close frame, which is nowhere else in what is answered here
DEEP = "[" * 900 + "]" * 900
COSTLY = "{projects(first:100){nodes{runs(first:50){nodes{id}}}}}"

log = logging.getLogger(__name__)


def said(**message: object) -> bytes:
    return frame(json.dumps(message, separators=(",", ":")).encode())


INIT, ALL_SAID = said(type="connection_init"), said(type="ping", payload={"all": "said"})
STREAM = {"query": "subscription { stream(channels: [{name: RUNS}]) { event } }"}


def exactly(size: int) -> bytes:
    """A ping that is so long."""
    return frame(b'{"type":"ping","payload":{"x":"' + b"x" * (size - 34) + b'"}}')


def pair(id: str) -> bytes:
    return said(id=id, type="subscribe", payload=STREAM) + said(id=id, type="complete")


def asked(query: str, id: str = "1") -> bytes:
    return said(id=id, type="subscribe", payload={"query": query})


@dataclass(frozen=True, slots=True)
class Row:
    """What is said, and with what code it closes, if it does: else it is all taken, and answered."""

    said: Callable[[], bytes]
    closes: int | None = None
    ends: int = 0  # of operations, which are awaited

    def is_done(self, answer: bytes) -> bool:
        if self.closes:
            return CLOSES in answer
        if self.ends:
            return answer.count(b'"type":"complete"') + answer.count(b'"type":"error"') >= self.ends
        return b'"all":"said"' in answer[-1_000:]


ROWS: dict[str, Row] = {
    "frames of 64 KiB": Row(lambda: INIT + exactly(MOST_MESSAGE_BYTES) * 200),
    "a frame of one byte more": Row(lambda: INIT + exactly(MOST_MESSAGE_BYTES + 1), 1009),
    "a frame that says it is of 8 EiB": Row(lambda: INIT + b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"\x00" * 4, 1009),
    "2,000 subscriptions, each ended at once": Row(lambda: INIT + b"".join(pair(str(i)) for i in range(2_000))),
    "2,000 of one id": Row(lambda: INIT + pair("x") * 2_000),
    "more than its minute's cost": Row(
        lambda: INIT + b"".join(said(id=str(i), type="subscribe", payload={"query": COSTLY}) for i in range(2_000)),
        ends=2_000,
    ),
    "more subscriptions than it may have": Row(
        lambda: INIT + b"".join(said(id=str(i), type="subscribe", payload=STREAM) for i in range(5_000))
    ),
    "5,000 pings": Row(lambda: INIT + said(type="ping") * 5_000),
    "200,000 pings below": Row(lambda: INIT + frame(b"x" * 125, PING) * 200_000),
    "pongs that nobody asked for": Row(lambda: INIT + frame(b"x" * 125, 0xA) * 200_000),
    "deep JSON": Row(lambda: INIT + frame(b"[" * 60_000), 4400),
    "deep variables": Row(lambda: INIT + frame(_deep_variables().encode())),
    "a deep document": Row(lambda: INIT + asked("{a" * 15_000)),
    "a document of 4,000 fields": Row(lambda: INIT + asked("{" + "__typename " * 4_000 + "}")),
    "a number of 5,000 digits": Row(
        lambda: INIT + frame(b'{"type":"ping","payload":{"x":' + b"1" * 5_000 + b"}}"), 4400
    ),
    "a number beyond all": Row(lambda: INIT + frame(b'{"type":"ping","payload":{"x":1e999}}'), 4400),
    "bytes that are no UTF-8": Row(lambda: INIT + frame(b'{"type":"\xff\xfe"}'), 1007),
    "a message in 60,000 pieces": Row(lambda: INIT + _in_pieces(60_000), 1009),
    "a message that never ends": Row(
        lambda: INIT + frame(b"{", fin=False) + frame(b"", CONTINUATION, fin=False) * 1_000_000, 1009
    ),
    "reserved bits": Row(lambda: INIT + b"\xf1\x80\x00\x00\x00\x00", 1002),
    "a reserved opcode": Row(lambda: INIT + frame(b"", 0x3), 1002),
    "a frame without a mask": Row(lambda: INIT + b"\x81\x02{}", 1002),
    "a piece of nothing": Row(lambda: INIT + frame(b"x", CONTINUATION), 1002),
}


def _deep_variables() -> str:
    return f'{{"id":"d","type":"subscribe","payload":{{"query":"{{__typename}}","variables":{{"x":{DEEP}}}}}}}'


def _in_pieces(count: int) -> bytes:
    return frame(b"{", TEXT, fin=False) + frame(b" ", CONTINUATION, fin=False) * count + frame(b"}", CONTINUATION)


def _of_sockets() -> list[str]:
    """The tasks that serve sockets."""
    names = [str(getattr(task.get_coro(), "__qualname__", "")) for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("WebSocketsSansIO", "_Operation", "_Following", "Topics"))]


@asynccontextmanager
async def unmoved(client: Client) -> AsyncIterator[Heart]:
    """Nothing of what is done in the block stays, and the loop goes on meanwhile."""
    async with beating() as heart:
        yield heart
    await until(lambda: not _of_sockets())
    await converse(client, *INTRODUCED, *GONE_ON)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_what_a_socket_says_is_answered_or_closes_it_and_holds_up_nobody(client: Client, row: Row) -> None:
    frames = row.said()
    async with unmoved(client) as heart, accepted(client) as sock:
        made = await asyncio.to_thread(attack, sock, frames + ALL_SAID, is_enough=row.is_done)
    log.info("%.1f MB in %.2f s, gap %.0f ms", made.sent_bytes / 1e6, made.seconds, 1e3 * heart.longest_seconds)
    assert (made.close_code if row.closes else None) == row.closes
    assert heart.longest_seconds <= LONGEST_SECONDS


NOT_READING: dict[str, tuple[str, Callable[[], bytes]]] = {
    "pings below": ("graphql-transport-ws", lambda: INIT + frame(b"x" * 125, PING) * 500_000),
    "pings of GraphQL": ("graphql-transport-ws", lambda: INIT + exactly(60_000) * 500),
    "pings of the envelope": ("easel.v1", lambda: exactly(60_000) * 500),
    "operations": ("graphql-transport-ws", lambda: INIT + b"".join(_introspection(i) for i in range(3_000))),
}


def _introspection(number: int) -> bytes:
    return said(id=str(number), type="subscribe", payload={"query": "{ __schema { types { name description } } }"})


@pytest.mark.parametrize("name", NOT_READING)
async def test_who_asks_and_does_not_read_the_answers_is_kept_within_bounds(client: Client, name: str) -> None:
    protocol, all_of_it = NOT_READING[name]
    frames = all_of_it()
    async with unmoved(client) as heart, accepted(client, protocol) as sock:
        kib_before = own_kib()
        made: Attack = await asyncio.to_thread(attack, sock, frames, reads=False, seconds=3)
        grown = own_kib() - kib_before
    log.info(
        "%s: %.1f MB, grown by %d KiB, gap %.0f ms", name, made.sent_bytes / 1e6, grown, 1e3 * heart.longest_seconds
    )
    assert grown < MOST_KIB
    assert heart.longest_seconds <= LONGEST_SECONDS


HALVES = {
    "half a frame": INIT + exactly(1_000)[:500],
    "half a head": INIT + b"\x81",
    "half a message": INIT + frame(b'{"type":', fin=False),
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
async def test_who_stops_in_the_middle_is_no_burden(client: Client, half: bytes) -> None:
    async with unmoved(client):
        for _ in range(20):
            async with accepted(client) as sock:
                await asyncio.get_running_loop().sock_sendall(sock, half)
                await converse(client, *INTRODUCED, *GONE_ON)


@pytest.mark.slow
async def test_those_who_never_finish_their_handshake_are_let_go_of(client: Client) -> None:
    loop = asyncio.get_running_loop()
    async with unmoved(client):
        with opened(client.url, 100) as sockets:
            for one in sockets:
                await loop.sock_sendall(one, b"GET /v1/streams HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            await converse(client, *INTRODUCED, *GONE_ON)
            dripping = asyncio.create_task(_drip(sockets[0]))
            async with asyncio.timeout(HEAD_SECONDS + 2):
                assert [await loop.sock_recv(one, 1) for one in sockets] == [b""] * 100
            dripping.cancel()


async def _drip(sock: socket.socket) -> None:
    """A byte now and then, so that it is never silent."""
    while True:
        await asyncio.get_running_loop().sock_sendall(sock, b"x")
        await asyncio.sleep(0.5)


async def test_a_handshake_without_end_is_refused_before_it_has_grown(client: Client) -> None:
    async with unmoved(client) as heart:
        with opened(client.url, 1) as (sock,):
            made = await asyncio.to_thread(attack, sock, b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 50_000_000)
    assert made.is_ended
    assert made.sent_bytes < 20_000_000
    assert heart.longest_seconds <= LONGEST_SECONDS
