"""The HTTP client under the OpenAI library: no redirects, no reuse, no answer beyond a limit."""

from collections.abc import AsyncIterator
from typing import cast

import httpx2


class UnreadableAnswer(httpx2.RequestError):
    """The answer is larger than allowed, or compressed so that its size cannot be known."""


def open_connections(max_answer_bytes: int) -> httpx2.AsyncClient:
    async def limit_answer(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise UnreadableAnswer("a compressed answer")
        response.stream = _LimitedStream(cast("httpx2.AsyncByteStream", response.stream), max_answer_bytes)

    return httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [limit_answer]},
        # An idle connection the server has just closed would look like a lost answer to a paid call.
        limits=httpx2.Limits(max_keepalive_connections=0),
    )


class _LimitedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received_bytes = 0
        async for chunk in self._stream:
            received_bytes += len(chunk)
            if received_bytes > self._max_bytes:
                raise UnreadableAnswer("an answer that is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
