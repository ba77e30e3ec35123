"""A client of GraphQL over SSE that reads the bytes as the standard of event streams says, and nothing more kindly."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.studio import Client

LIMIT_SECONDS = 20.0
ADDRESS = "/v1/streams"
EVENT_STREAM = {"accept": "text/event-stream"}
_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(slots=True)
class Source:
    """An open event stream; `raw` is all that came so far."""

    response: httpx2.Response
    raw: str = ""
    comments: list[str] = field(default_factory=list)
    _chunks: AsyncIterator[bytes] | None = None
    _read: int = 0

    async def hear(self, limit_seconds: float = LIMIT_SECONDS) -> tuple[str, str] | None:
        """The next event and its data; None once the stream has ended."""
        async with asyncio.timeout(limit_seconds):
            while (block := await self._block()) is not None:
                event, data = "message", []
                for line in _LINE_END.split(block):
                    name, _, value = line.partition(":")
                    if name == "event":
                        event = value.removeprefix(" ")
                    elif name == "data":
                        data.append(value.removeprefix(" "))
                    elif not name:
                        self.comments.append(value)
                if data:
                    return event, "\n".join(data)
        return None

    async def next(self) -> dict[str, Any]:
        """The answer in the next event, which is a `next`."""
        heard = await self.hear()
        assert heard, "the stream has ended"
        assert heard[0] == "next"
        answer: dict[str, Any] = json.loads(heard[1])
        return answer

    async def all(self) -> list[dict[str, Any]]:
        """Every answer until `complete`, after which the server ends the stream."""
        answers: list[dict[str, Any]] = []
        while (heard := await self.hear()) is not None:
            if heard[0] == "complete":
                assert await self.hear() is None
                return answers
            answers.append(json.loads(heard[1]))
        raise AssertionError(f"it ended without complete: {self.raw!r}")

    async def _block(self) -> str | None:
        while not (end := re.compile(r"(\r\n|\r|\n){2}").search(self.raw, self._read)):
            self._chunks = self._chunks or self.response.aiter_bytes()
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return None
            self.raw += chunk.decode()
        block, self._read = self.raw[self._read : end.start()], end.end()
        return block


@asynccontextmanager
async def sourcing(
    client: Client, query: str, *, method: str = "POST", operation: str | None = None, **variables: Any
) -> AsyncIterator[Source]:
    """The event stream that answers an operation."""
    asked: dict[str, Any] = {"query": query, "variables": variables, "extensions": {"client": "tests"}}
    if operation:
        asked["operationName"] = operation
    in_address = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}
    words: dict[str, Any] = {"params": in_address} if method == "GET" else {"json": asked}
    async with client.http.stream(method, ADDRESS, headers=EVENT_STREAM, **words) as response:
        assert response.status_code == 200, await response.aread()
        yield Source(response)
