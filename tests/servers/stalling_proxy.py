"""A way to a server that can go quiet without hanging up, as broken networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536


@dataclass(slots=True)
class Gate:
    closed: bool = False


@dataclass(slots=True)
class StallingProxy:
    target_port: int
    port: int = 0
    _gate: Gate = field(default_factory=Gate)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    def stall(self) -> None:
        """The present connections stay open and carry nothing more; new ones work."""
        self._gate.closed = True
        self._gate = Gate()

    def cut(self) -> None:
        """The present connections are gone without a word; new ones work."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(asyncio.create_task(self._connect(reader, writer)))

    async def close(self) -> None:
        self.cut()
        await asyncio.gather(*self._connections)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gate = self._gate
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target_port)
        self._writers += (writer, to_server)
        await asyncio.gather(_forward(reader, to_server, gate), _forward(from_server, writer, gate))


async def _forward(source: asyncio.StreamReader, target: asyncio.StreamWriter, gate: Gate) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(CHUNK_BYTES):
            if not gate.closed:
                target.write(chunk)
                await target.drain()
    target.close()


@asynccontextmanager
async def stalling_proxy(target_port: int) -> AsyncIterator[StallingProxy]:
    proxy = StallingProxy(target_port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await server.wait_closed()
        await proxy.close()
