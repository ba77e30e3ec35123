"""A server of one test that others might be tricked into calling: it counts who connects and keeps what they send."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

END_SECONDS = 10

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


@dataclass(frozen=True, slots=True)
class Received:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """Says `answer` to each request and hangs up, or with `holds` waits until the caller does; `left` is set then."""

    answer: bytes
    holds: bool
    port: int = 0
    connections: int = 0
    written_bytes: int = 0
    requests: list[Received] = field(default_factory=list)
    read: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            self.requests.append(await _read(reader))
            self.read.set()
            for start in range(0, len(self.answer), 65_536):
                writer.write(self.answer[start : start + 65_536])
                await writer.drain()
                self.written_bytes = min(start + 65_536, len(self.answer))
            if self.holds:
                await reader.read()
        self.left.set()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in fields)}
    return Received(line, headers, await reader.readexactly(int(headers["content-length"])))


@asynccontextmanager
async def receiving(
    answer: bytes = OK, *, holds: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """On 127.0.0.1; in the end its connections are cut, and what handles them is awaited."""
    receiver = Receiver(answer, holds)
    writers: list[asyncio.StreamWriter] = []
    handlers: list[asyncio.Future[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        writers.append(writer)
        handlers.append(asyncio.ensure_future(receiver.converse(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.wait_for(asyncio.gather(*handlers), END_SECONDS)
        await server.wait_closed()
