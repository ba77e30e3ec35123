"""GraphQL over server-sent events, in the distinct connections mode of graphql-sse: one operation, one answer."""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.operations import GraphQLOperations
from app.wires import abort
from domain.errors import DomainError, ErrorCode
from domain.permissions import Actor
from gateway.identity import Identity
from gateway.metering import address_of
from streams.operations import Answer, Asked, Caller
from streams.sockets.attendance import Attendance
from streams.sockets.backlog import Backlog, Overflow
from streams.sockets.closing import CloseCode, Closed
from streams.sockets.outbox import STUCK_SECONDS
from streams.topics.topic import Subscription, Topic, Topics

MEDIA_TYPE = "text/event-stream"
_NOT_AT_ALL = {"q=0", "q=0.0", "q=0.00", "q=0.000"}
KEEP_ALIVE_SECONDS = 12.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_KINDS: dict[str, type] = {"query": str, "variables": dict, "operationName": str, "extensions": dict}

_COMPLETE = b"event: complete\ndata: \n\n"
_KEEP_ALIVE = b":\n\n"

log = structlog.get_logger(__name__)


class EventStreams:
    def __init__(
        self, identity: Identity, operations: GraphQLOperations, topics: Topics, attendance: Attendance
    ) -> None:
        self._identity = identity
        self._operations = operations
        self._topics = topics
        self._attendance = attendance

    async def answer(self, request: Request) -> "Response | EventStream":
        """What cannot be begun is refused as over HTTP; what fails from then on is told in the stream."""
        if not _accepts_events(request):
            message = f"Events are told here: send Accept: {MEDIA_TYPE}, or open a socket"
            return self._refusal(request, DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message), 406)
        try:
            return await self._open(request)
        except DomainError as error:
            return self._refusal(request, error, error.http_status)
        except Closed as closed:
            restarts = closed.code is CloseCode.RESTART
            code = ErrorCode.UNAVAILABLE if restarts else ErrorCode.RATE_LIMITED
            refusal = DomainError(code, closed.reason, retryAfter=1)
            return self._refusal(request, refusal, refusal.http_status)

    async def _open(self, request: Request) -> "EventStream":
        asked = await _asked(request)
        actor = await self._identity.of_request(request)
        trace_id, address = request.scope["state"]["trace_id"], address_of(request.scope)
        stream = EventStream(actor, self._operations, self._topics, self._attendance)
        await stream.begin_with(asked, Caller(actor=actor, trace_id=trace_id, address=address))
        return stream

    def _refusal(self, request: Request, error: DomainError, status: int) -> Response:
        errors = self._operations.refusal(error, request.scope["state"]["trace_id"])
        headers = {"Retry-After": str(error.details["retryAfter"])} if "retryAfter" in error.details else {}
        if error.code is ErrorCode.METHOD_NOT_ALLOWED:
            headers["Allow"] = "POST" if request.method == "GET" else "GET, POST"
        return Response(b'{"errors":' + errors + b"}", status, headers, media_type="application/json")


class EventStream:
    """One operation, told as events: a sink of answers, and the ASGI answer that they go out by."""

    def __init__(
        self,
        actor: Actor,
        operations: GraphQLOperations,
        topics: Topics,
        attendance: Attendance,
    ) -> None:
        """Raises Closed where the actor has too many."""
        self.actor = actor
        self.topic: Topic | None = None
        self._found: Answer | Subscription = Answer()
        self._operations = operations
        self._topics = topics
        self._attendance = attendance
        self._backlog = Backlog()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._is_over = False
        self._task: asyncio.Task[None] | None = None
        attendance.enter(self)

    @property
    def idle_since(self) -> None:
        """Never: it has its one operation."""

    async def begin_with(self, asked: Asked, caller: Caller) -> None:
        """Find out what is to be told, or do what is to be done. Raises METHOD_NOT_ALLOWED."""
        try:
            self._found = await self._operations.begin(asked, caller)
        except BaseException:  # also where the request is given up: nobody is here any more
            self._end()
            raise

    def close(self, code: CloseCode, reason: str) -> None:
        """It ends without a word: this protocol has none for it."""
        self._is_over = True
        self._news.set()

    def begin(self, cursor: str) -> None:
        """GraphQL has no answer for that."""

    def push(self, payload: bytes, subject: Hashable) -> None:
        if self._is_over:
            return
        self._room.clear()
        self._news.set()
        try:
            self._backlog.put((b"event: next\ndata: ", payload, b"\n\n"), subject)
        except Overflow:
            self.close(CloseCode.TOO_SLOW, "")

    def finish(self, error: DomainError | None) -> None:
        if error is not None:
            self.push(b'{"errors":' + self._operations.refusal(error, self.actor.trace_id) + b"}", None)
        if not self._is_over:
            self._backlog.put((_COMPLETE,), None)
        self.close(CloseCode.DONE, "")

    async def has_room(self) -> None:
        if self._backlog:
            await self._room.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive, self._news))
        self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send_events(send, gone)
        except TimeoutError:  # nothing is read on the other side
            abort(scope)
        finally:
            gone.cancel()
            self._end()

    async def _send_events(self, send: Send, gone: "asyncio.Task[None]") -> None:
        await _send(send, _KEEP_ALIVE)  # so that the other side knows that it is heard
        while not gone.done():
            told = b"".join(part for parts in self._backlog.take_all() for part in parts)
            self._room.set()
            if told:
                await _send(send, told)
            elif self._is_over:
                await _send(send, b"", more=False)
                return
            elif not await _comes(self._news, KEEP_ALIVE_SECONDS):
                await _send(send, _KEEP_ALIVE)
            self._news.clear()

    async def _run(self) -> None:
        try:
            await self._answer(self._found)
        except DomainError as error:
            self.finish(error)
        except Exception:  # whatever it is, who asked is told that it failed
            log.exception("an operation failed")
            self.finish(DomainError(ErrorCode.INTERNAL, "Something went wrong on our side"))

    async def _answer(self, found: Answer | Subscription) -> None:
        if isinstance(found, Subscription):
            await self._topics.follow(found, self)
            return
        self.push(found.payload if found.errors is None else b'{"errors":' + found.errors + b"}", None)
        self.finish(None)

    def _end(self) -> None:
        self._is_over = True
        self._attendance.leave(self)
        if self._task:
            self._task.cancel()
        self._topics.leave(self)


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(STUCK_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _comes(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


async def _until_gone(receive: Receive, news: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    news.set()


def _accepts_events(request: Request) -> bool:
    accepted = (one.replace(" ", "").split(";") for one in request.headers.get("accept", "").lower().split(","))
    return any(kind == MEDIA_TYPE and not _NOT_AT_ALL.intersection(more) for kind, *more in accepted)


async def _asked(request: Request) -> Asked:
    """The operation of a request. Raises METHOD_NOT_ALLOWED, UNSUPPORTED_MEDIA_TYPE, GRAPHQL_PARSE_FAILED."""
    if request.method == "HEAD":
        raise DomainError(ErrorCode.METHOD_NOT_ALLOWED, "A stream of events has a body: ask by POST or GET")
    if request.method == "GET":
        said: Any = dict(request.query_params)
        for name in {"variables", "extensions"} & said.keys():
            said[name] = _json(said[name].encode())
    else:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the operation as application/json")
        said = _json(await request.body())
    if not isinstance(said, dict) or "query" not in said:
        raise DomainError(ErrorCode.GRAPHQL_PARSE_FAILED, "The request must be a JSON object with a `query`")
    for name, kind in _KINDS.items():
        if said.get(name) is not None and not isinstance(said[name], kind):
            raise DomainError(ErrorCode.GRAPHQL_PARSE_FAILED, f"{name} is of the wrong type")
    return Asked(
        query=said["query"] or "",
        variables=said.get("variables"),
        operation_name=said.get("operationName"),
        changes_nothing=request.method != "POST",
    )


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise DomainError(ErrorCode.GRAPHQL_PARSE_FAILED, "The operation is not valid JSON") from error
