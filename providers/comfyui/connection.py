"""One ComfyUI server over HTTP: every call bounded in time and size, no redirects, no proxy of the environment."""

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
IDLE_CONNECTIONS = 4
IDLE_SECONDS = 5.0
MOST_JSON_BYTES = 8 * 1024 * 1024

_NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_TOO_BUSY = {408, 425, 429}


class Away(Exception):
    """
    The server cannot be reached, or answers as no working ComfyUI does: asking again later can help.

    Unless `nothing_sent`, it may have done what it was asked.
    """

    def __init__(self, reason: str, *, nothing_sent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.nothing_sent = nothing_sent


class TooLarge(Away):
    """The server is there, and its answer is larger than this call allows."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


class Connection:
    """`url` is the server's address without credentials, `host` its name and port as people and logs are shown it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{self.host}{parts.path.rstrip('/')}"
        self.headers = _authorization(parts.username, parts.password)
        self._client = httpx2.AsyncClient(
            headers={"Accept-Encoding": "identity", **self.headers},
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            # ComfyUI keeps idle connections for 75 s: one it has just closed would look like a lost answer.
            limits=httpx2.Limits(max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=IDLE_SECONDS),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        seconds: float = ANSWER_SECONDS,
        most_bytes: int = MOST_JSON_BYTES,
        **content: Any,
    ) -> Answer:
        """The whole answer, whatever it says below 500. Raises Away."""
        try:
            async with asyncio.timeout(seconds):
                answer = await self._answer(method, path, most_bytes, content)
        except TimeoutError:
            raise Away(f"no answer within {seconds:g} s") from None
        except httpx2.HTTPError as error:
            # The original carries the request, whose headers may have credentials.
            if isinstance(error, _NOTHING_SENT):
                raise Away("it cannot be reached", nothing_sent=True) from None
            raise Away("the connection broke") from None
        if answer.status >= 500 or answer.status in _TOO_BUSY:
            raise Away(f"it answered {answer.status}")
        return answer

    async def _answer(self, method: str, path: str, most_bytes: int, content: dict[str, Any]) -> Answer:
        received = bytearray()
        async with self._client.stream(method, f"{self.url}{path}", **content) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Away("it compresses its answers unasked")
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > most_bytes:
                    raise TooLarge(f"its answer has more than {most_bytes} bytes")
        return Answer(response.status_code, bytes(received))


def _authorization(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
