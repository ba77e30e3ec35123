"""A client that asks for the same thing over and over, and costs little while it does: it counts bytes."""

import asyncio
from dataclasses import dataclass
from typing import cast

LIMIT_SECONDS = 60


@dataclass
class Count:
    answers: int = 0
    seconds: float = 0.0


@dataclass
class _Asking(asyncio.Protocol):
    request: bytes
    length: int  # of a whole answer, in bytes
    count: Count
    left: int = 0
    transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.left = cast("asyncio.Transport", transport), self.length
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left == 0 and self.transport:
            self.count.answers += 1
            self.left = self.length
            self.transport.write(self.request)


def request_of(path: str, **headers: str) -> bytes:
    said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{said}\r\n".encode()


async def answer_of(port: int, request: bytes) -> bytes:
    """One answer, as it is on the wire; all answers to the request are as long."""
    async with asyncio.timeout(LIMIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        told = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        has_body = b" 304 " not in head.split(b"\r\n", 1)[0]
        body = await reader.readexactly(int(told.get(b"content-length", 0))) if has_body else b""
        writer.close()
        return head + body


async def asked_for(seconds: float, port: int, request: bytes, connections: int) -> Count:
    """How many answers come in so many seconds to so many who each ask again once they have theirs."""
    loop, count = asyncio.get_running_loop(), Count()
    length = len(await answer_of(port, request))
    made = [
        (await loop.create_connection(lambda: _Asking(request, length, count), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    began, before = loop.time(), count.answers
    await asyncio.sleep(seconds)
    result = Count(count.answers - before, loop.time() - began)
    for transport in made:
        transport.abort()
    return result
