"""A graphql-transport-ws client that says exactly what it is told, well-formed or not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.studio import Client


class Talker:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def ask(self, name: str, query: str, **variables: Any) -> None:
        await self.say(id=name, type="subscribe", payload={"query": query, "variables": variables})

    async def closed(self) -> tuple[int, str]:
        """The close code and reason, once the server closes."""
        async with asyncio.timeout(20):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def talking(client: Client, path: str = "/v1/streams", **more: Any) -> AsyncIterator[Talker]:
    """A socket that has said nothing yet."""
    options: dict[str, Any] = {"subprotocols": ["graphql-transport-ws"], "compression": None} | more
    async with connect(f"ws{client.url.removeprefix('http')}{path}", **options) as socket:
        yield Talker(socket)


@asynccontextmanager
async def acknowledged(client: Client, path: str = "/v1/streams", **more: Any) -> AsyncIterator[Talker]:
    """A socket that has said who it is."""
    async with talking(client, path, **more) as talker:
        await talker.say(type="connection_init", payload={"apiKey": client.key.apiKey})
        assert await talker.hear() == {"type": "connection_ack"}
        yield talker
