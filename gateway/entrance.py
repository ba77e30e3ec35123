"""The entrance every request passes: it gets a trace, its body a bound, and whatever goes wrong an answer."""

from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import DomainError, ErrorCode
from gateway.traces import trace_id_of

log = structlog.get_logger(__name__)


class TooLarge(DomainError):
    def __init__(self, most_bytes: int) -> None:
        super().__init__(ErrorCode.PAYLOAD_TOO_LARGE, f"The request is larger than {most_bytes:,} bytes")


class Entrance:
    """ASGI middleware. `scope["state"]["trace_id"]` is there for all that follows, `X-Trace-Id` on each answer."""

    def __init__(self, app: ASGIApp, most_body_bytes: int) -> None:
        self.app = app
        self.most_body_bytes = most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        trace_id = trace_id_of(headers.get(b"traceparent", b"").decode("latin-1"))
        scope.setdefault("state", {})["trace_id"] = trace_id
        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            if scope["type"] == "http":
                await self._http(scope, receive, send, trace_id)
            else:
                await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send, trace_id: str) -> None:
        answer = _Answer(send, trace_id)
        try:
            await self.app(scope, _bounded(scope, receive, self.most_body_bytes), answer)
        except DomainError as error:
            await answer.fail(error)
        except Exception:
            log.exception("unexpected failure", path=scope["path"])
            await answer.fail(DomainError(ErrorCode.INTERNAL, "Something went wrong on our side"))


class _Answer:
    """Sends on, with the trace; can still say what went wrong as long as nothing was sent."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self._trace_id = trace_id
        self._started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            message["headers"] = [*message.get("headers", []), (b"x-trace-id", self._trace_id.encode())]
        await self._send(message)

    async def fail(self, error: DomainError) -> None:
        if self._started:
            return
        body = error_body(error, self._trace_id)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if "retryAfter" in error.details:
            headers.append((b"retry-after", str(error.details["retryAfter"]).encode()))
        await self({"type": "http.response.start", "status": error.http_status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def error_body(error: DomainError, trace_id: str) -> bytes:
    """`{"error": {"code", "message", "field"?, "traceId"}}`."""
    told: MutableMapping[str, Any] = {"code": error.code, "message": error.message, **error.details}
    return msgspec.json.encode({"error": {**told, "traceId": trace_id}})


def _bounded(scope: Scope, receive: Receive, most_bytes: int) -> Receive:
    """Refuse a body that says it is too large, and one that turns out to be."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    received = 0

    async def bounded() -> Message:
        nonlocal received
        if announced.isdigit() and int(announced[:20]) > most_bytes:
            raise TooLarge(most_bytes)
        message = await receive()
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise TooLarge(most_bytes)
        return message

    return bounded
