"""A small client of our own API: GraphQL over the socket that everybody uses (graphql-transport-ws)."""

import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from domain.errors import DomainError, ErrorCode

PROTOCOL = Subprotocol("graphql-transport-ws")


class Live:
    """One connection, one operation at a time."""

    def __init__(self, url: str, api_key: str) -> None:
        self._address = f"ws{url.removeprefix('http')}/v1/streams"
        self._api_key = api_key
        self._ids = count(1)
        self._socket: ClientConnection

    async def __aenter__(self) -> Self:
        self._socket = await connect(self._address, subprotocols=[PROTOCOL], proxy=None)
        await self._send(type="connection_init", payload={"apiKey": self._api_key})
        await self._socket.recv()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to a query or mutation. Raises what the server refuses."""
        answers = [answer async for answer in self.watch(query, **variables)]
        return answers[0]

    async def watch(self, query: str, **variables: Any) -> AsyncIterator[dict[str, Any]]:
        """Each answer of an operation, until the server completes it."""
        id_ = str(next(self._ids))
        await self._send(id=id_, type="subscribe", payload={"query": query, "variables": variables})
        async for text in self._socket:
            message = json.loads(text)
            if message.get("id") != id_:
                continue
            if message["type"] == "complete":
                return
            payload = message["payload"]
            if errors := payload if message["type"] == "error" else payload.get("errors"):
                code = errors[0].get("extensions", {}).get("code", ErrorCode.INTERNAL)
                raise DomainError(ErrorCode(code), errors[0]["message"])
            yield payload["data"]

    async def _send(self, **message: Any) -> None:
        await self._socket.send(json.dumps(message))
