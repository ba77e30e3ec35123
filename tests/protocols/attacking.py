"""Sockets that say what no client says, as fast as the server takes it, from a thread of their own."""

import asyncio
import select
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.protocols.cutting import HANDSHAKE
from tests.studio import Client

READ_BYTES = 1 << 20
BEAT_SECONDS = 0.01
TEXT, CONTINUATION, PING = 0x1, 0x0, 0x9
_FIN, _MASKED, _NO_MASK = 0x80, 0x80, b"\x00\x00\x00\x00"


def frame(carried: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    first, size = opcode | (_FIN if fin else 0), len(carried)
    if size < 126:
        head = bytes((first, _MASKED | size))
    elif size < 65_536:
        head = bytes((first, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, _MASKED | 127)) + size.to_bytes(8, "big")
    return head + _NO_MASK + carried


@dataclass(slots=True)
class Attack:
    """What was sent of it, what came back, and whether the server ended it."""

    sent_bytes: int = 0
    answer: bytes = b""
    is_ended: bool = False
    seconds: float = 0.0

    @property
    def close_code(self) -> int | None:
        """Of the close frame at the end of what came back."""
        place = self.answer.rfind(b"\x88")
        return int.from_bytes(self.answer[place + 2 : place + 4], "big") if place >= 0 else None


def attack(
    sock: socket.socket,
    said: bytes,
    *,
    reads: bool = True,
    seconds: float = 10.0,
    is_enough: Callable[[bytes], bool] = lambda _: False,
) -> Attack:
    """Say it all, as far as it is taken; who `reads` goes on until what came back is enough, or the end."""
    made, began, rest = Attack(), time.monotonic(), memoryview(said)
    deadline = began + seconds
    while time.monotonic() < deadline and not made.is_ended and (rest or (reads and not is_enough(made.answer))):
        readable, writable, _ = select.select([sock] if reads else [], [sock] if rest else [], [], 0.2)
        with suppress(BlockingIOError):
            try:
                if writable:
                    sent = sock.send(rest[:READ_BYTES])
                    made.sent_bytes, rest = made.sent_bytes + sent, rest[sent:]
                if readable:
                    came = sock.recv(READ_BYTES)
                    made.answer, made.is_ended = made.answer + came, not came
            except ConnectionError:
                made.is_ended = True
    made.seconds = time.monotonic() - began
    return made


@contextmanager
def opened(url: str, count: int) -> Iterator[Sequence[socket.socket]]:
    """Connected, and nothing said."""
    address = urlsplit(url)
    with ExitStack() as stack:
        made = [stack.enter_context(socket.create_connection((address.hostname, address.port))) for _ in range(count)]
        for one in made:
            one.setblocking(False)  # noqa: FBT003 - of the standard library
        yield made


@asynccontextmanager
async def accepted(client: Client, protocol: str = "graphql-transport-ws") -> AsyncIterator[socket.socket]:
    """A socket after the handshake, which has said its key."""
    head = HANDSHAKE.format(host=urlsplit(client.url).netloc, key=client.key.apiKey, protocol=protocol)
    loop = asyncio.get_running_loop()
    with opened(client.url, 1) as (sock,):
        await loop.sock_sendall(sock, head.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await loop.sock_recv(sock, 4_096)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        yield sock


@dataclass(slots=True)
class Heart:
    """
    The longest time for which the loop worked without a pause.

    What its thread used of a processor is counted, as other processes and the attack itself want theirs.
    """

    longest_seconds: float = 0.0

    async def beat(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(BEAT_SECONDS)
            self.longest_seconds = max(self.longest_seconds, time.thread_time() - before)


@asynccontextmanager
async def beating() -> AsyncIterator[Heart]:
    heart = Heart()
    task = asyncio.create_task(heart.beat())
    yield heart
    task.cancel()


def own_kib() -> int:
    """What this process has in memory, server and all."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").partition("VmRSS:")[2].split()[0])
