"""A way to a server that is slow, or that carries only so much of what clients send."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.servers.listening import listening

_CHUNK_BYTES = 65_536


@dataclass(slots=True)
class NarrowLink:
    """Loses what exceeds `limit_bytes` towards the server, all connections together: then `jammed` is set."""

    target_port: int
    limit_bytes: int
    pause_seconds: float
    port: int = 0
    jammed: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target_port)
        except ConnectionError:
            writer.close()
            return
        await asyncio.gather(self._upload(reader, to_server), _download(from_server, writer))

    async def _upload(self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                to_server.write(chunk[: self.limit_bytes])
                await to_server.drain()
                self.limit_bytes = max(0, self.limit_bytes - len(chunk))
                if not self.limit_bytes:
                    self.jammed.set()
                await asyncio.sleep(self.pause_seconds)
        to_server.close()


async def _download(from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await from_server.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def narrow_link(
    target_port: int, *, limit_bytes: int = sys.maxsize, pause_seconds: float = 0.0
) -> AsyncIterator[NarrowLink]:
    """`pause_seconds` follow every 64 KiB sent."""
    link = NarrowLink(target_port, limit_bytes, pause_seconds)
    async with listening(link.connect) as link.port:
        yield link
