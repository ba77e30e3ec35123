"""The entrance every request passes: it gets a trace, its body a bound, and whatever goes wrong an answer."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import DomainError, ErrorCode
from domain.image_uploads import MOST_FILE_BYTES
from gateway.addresses import Network, client_address
from gateway.limits import LimitState
from gateway.traces import current_trace, trace_id_of

log = structlog.get_logger(__name__)
_NONE: Mapping[str, int] = MappingProxyType({})


class TooLarge(DomainError):
    """Of what is larger than `most_bytes`, which is as much as a file in it may have, and then some."""

    def __init__(self, most_bytes: int, most_file_bytes: int) -> None:
        super().__init__(ErrorCode.PAYLOAD_TOO_LARGE, f"The request is larger than {most_bytes:,} bytes")
        self.most_file_bytes = most_file_bytes


class Entrance:
    """
    ASGI middleware. `scope["state"]` has the `trace_id` and the caller's `address` for all that follows.

    On each answer are `X-Trace-Id`, and how the `limit` stands that was counted against, if any was. A request that
    brings a picture, alone or in a form, may be larger than others by as much as a picture may have; a form at one of
    the `larger` paths by so many bytes.
    """

    def __init__(
        self,
        app: ASGIApp,
        most_body_bytes: int,
        trusted_proxies: Sequence[Network] = (),
        larger: Mapping[str, int] = _NONE,
    ) -> None:
        self.app = app
        self.most_body_bytes = most_body_bytes
        self.trusted_proxies = trusted_proxies
        self.larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        trace_id = trace_id_of(_header(scope, b"traceparent").decode("latin-1"))
        state = scope.setdefault("state", {})
        state["trace_id"], state["address"] = trace_id, client_address(scope, self.trusted_proxies)
        before = current_trace.set(trace_id)
        try:
            if scope["type"] == "http":
                await self._http(scope, receive, send)
            else:
                await self.app(scope, receive, send)
        finally:
            current_trace.reset(before)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send, scope["state"])
        try:
            bounded = _Bounded(scope, receive, self.most_body_bytes, self.larger.get(scope["path"], MOST_FILE_BYTES))
            await self.app(scope, bounded, answer)
        except DomainError as error:
            await answer.fail(error)
        except Exception:  # whatever it was, the caller hears that it failed, and the log why
            log.exception("unexpected failure", path=scope["path"])
            await answer.fail(DomainError(ErrorCode.INTERNAL, "Something went wrong on our side"))


_FORM = b"multipart/form-data"
_PICTURE = b"image/"


class _Answer:
    """Sends on, with the trace and the limit; can still say what went wrong as long as nothing was sent."""

    __slots__ = ("_send", "_started", "_state")

    def __init__(self, send: Send, state: MutableMapping[str, Any]) -> None:
        self._send = send
        self._state = state
        self._started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            headers = [*message.get("headers", []), (b"x-trace-id", self._state["trace_id"].encode())]
            message["headers"] = [*headers, *self._limit(headers)] if "limit" in self._state else headers
        await self._send(message)

    def _limit(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """What is to be told of the limit, and is not told yet."""
        limit: LimitState = self._state["limit"]
        present = {name for name, _ in headers}
        told = [(name.lower().encode(), value.encode()) for name, value in limit.headers.items()]
        return [header for header in told if header[0] not in present]

    async def fail(self, error: DomainError) -> None:
        if self._started:
            return
        body = error_body(error, self._state["trace_id"])
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if "retryAfter" in error.details:
            headers.append((b"retry-after", str(error.details["retryAfter"]).encode()))
        await self({"type": "http.response.start", "status": error.http_status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def error_body(error: DomainError, trace_id: str) -> bytes:
    """`{"error": {"code", "message", "field"?, "traceId"}}`."""
    told: MutableMapping[str, Any] = {"code": error.code, "message": error.message, **error.details}
    return msgspec.json.encode({"error": {**told, "traceId": trace_id}})


class _Bounded:
    """Refuses a body that says it is too large, and one that turns out to be; what has none costs nothing."""

    __slots__ = ("_most_bytes", "_most_file_bytes", "_receive", "_received", "_scope")

    def __init__(self, scope: Scope, receive: Receive, most_bytes: int, most_file_bytes: int) -> None:
        self._scope = scope
        self._receive = receive
        self._most_bytes = most_bytes
        self._most_file_bytes = most_file_bytes
        self._received: int | None = None

    async def __call__(self) -> Message:
        if self._received is None:
            self._received = 0
            self._look()
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._most_bytes:
            raise TooLarge(self._most_bytes, self._most_file_bytes)
        return message

    def _look(self) -> None:
        content_type = _header(self._scope, b"content-type").lower()
        if content_type.startswith(_FORM):
            self._most_bytes += self._most_file_bytes
        elif content_type.startswith(_PICTURE):
            self._most_bytes += MOST_FILE_BYTES
        announced = _header(self._scope, b"content-length")
        if announced.isdigit() and int(announced[:20]) > self._most_bytes:
            raise TooLarge(self._most_bytes, self._most_file_bytes)


def _header(scope: Scope, wanted: bytes) -> bytes:
    """The last of this name, as most servers have it."""
    found = b""
    for name, value in scope["headers"]:
        if name == wanted:
            found = value
    return found
