"""Sends bytes to a URL that somebody else chose: looked up once, checked, and called at exactly that address."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cache
from time import monotonic

import httpx2

from engine.outbound.addresses import Address
from engine.outbound.failures import Reason, Undelivered
from engine.outbound.names import Resolve, addresses_of, look_up
from engine.outbound.targets import Reach, Target, bracketed, read_target

CONNECT_SECONDS = 5.0
MOST_ADDRESSES = 4
MOST_ANSWER_BYTES = 65_536
EXCERPT_LENGTH = 1_000


@cache
def authorities_of_the_system() -> ssl.SSLContext:
    """Read once: it takes as long as a start of all the rest."""
    return httpx2.create_ssl_context()


@dataclass(frozen=True, slots=True)
class Answer:
    """`excerpt` is how the body begins, as printable text."""

    status: int
    retry_after: str | None
    excerpt: str
    duration_ms: float


class Sender:
    """`trust` is what certificates are checked against: the system's authorities where it is None."""

    def __init__(
        self,
        reach: Reach,
        *,
        resolve: Resolve = look_up,
        trust: ssl.SSLContext | None = None,
        limit_seconds: float = 15.0,
    ) -> None:
        self._reach = reach
        self._resolve = resolve
        self._trust = trust or authorities_of_the_system()
        self.limit_seconds = limit_seconds

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the host answers, redirects as they are. Raises Undelivered if it answers nothing."""
        started = monotonic()
        deadline = asyncio.get_running_loop().time() + self.limit_seconds
        call = _Call(read_target(url), headers, body)
        # One transport a call: a connection that was checked for one host is never used for another.
        async with httpx2.AsyncHTTPTransport(verify=self._trust, trust_env=False) as transport:
            response = await self._answer(transport, call, deadline)
            async with aclosing(response):
                excerpt = await _excerpt(response, deadline)
        retry_after = response.headers.get("retry-after")
        return Answer(response.status_code, retry_after, excerpt, duration_ms=(monotonic() - started) * 1000)

    async def _answer(self, transport: httpx2.AsyncHTTPTransport, call: "_Call", deadline: float) -> httpx2.Response:
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await addresses_of(call.target, self._resolve)
                self._reach.require(call.target, addresses)
                return await _first_answer(transport, call, addresses[:MOST_ADDRESSES], deadline)
        except (httpx2.TransportError, OSError) as error:
            raise Undelivered(_reason_of(error)) from error


@dataclass(frozen=True, slots=True)
class _Call:
    target: Target
    headers: Mapping[str, str]
    body: bytes

    def at(self, address: Address, connect_seconds: float) -> httpx2.Request:
        """To an address, but speaking of the host: in its header, and in TLS, where its certificate is checked."""
        target = self.target
        headers = httpx2.Headers(self.headers)
        headers.update({"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"})
        return httpx2.Request(
            "POST",
            f"{target.scheme}://{bracketed(str(address))}:{target.port}{target.path}",
            headers=headers,
            content=self.body,
            extensions={"sni_hostname": target.host, "timeout": {"connect": connect_seconds}},
        )


async def _first_answer(
    transport: httpx2.AsyncHTTPTransport, call: _Call, addresses: Sequence[Address], deadline: float
) -> httpx2.Response:
    """From the first address that takes the connection: the next is tried only if nothing was sent."""
    *others, last = addresses
    for address in others:
        with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
            return await transport.handle_async_request(call.at(address, _connect_seconds(deadline)))
    return await transport.handle_async_request(call.at(last, _connect_seconds(deadline)))


def _connect_seconds(deadline: float) -> float:
    """
    For TCP, and again for TLS: a third of what is left, so that neither is cut short by the deadline.

    A handshake that is cancelled would leave its socket open; one that times out does not.
    """
    return min(CONNECT_SECONDS, max(0.0, deadline - asyncio.get_running_loop().time()) / 3)


async def _excerpt(response: httpx2.Response, deadline: float) -> str:
    """However the body ends, the status stands."""
    received = b""
    with suppress(httpx2.TransportError, OSError):
        async with asyncio.timeout_at(deadline), aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                received += chunk
                if len(received) >= MOST_ANSWER_BYTES:
                    break
    text = received[: 4 * EXCERPT_LENGTH].decode(errors="replace")[:EXCERPT_LENGTH]
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def _reason_of(error: httpx2.TransportError | OSError) -> Reason:
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return Reason.TIMED_OUT
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return Reason.CONNECTION_FAILED if cause is None else Reason.TLS_FAILED
