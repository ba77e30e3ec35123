"""graphql-transport-ws: queries, mutations and subscriptions over one socket, to the protocol's letter."""

import asyncio
from collections.abc import Hashable
from typing import Any

import msgspec
import structlog

from domain.errors import DomainError, ErrorCode
from streams.operations import Asked, Caller, Operations
from streams.sockets.closing import CloseCode, Closed
from streams.sockets.conversation import MOST_OPERATIONS, Conversation, Handshake, Lobby
from streams.sockets.frames import malformed, require_frame
from streams.sockets.outbox import Wire
from streams.topics.topic import Subscription, Topic

PROTOCOL = "graphql-transport-ws"
_CREDENTIALS = {"apiKey", "token"}

log = structlog.get_logger(__name__)


class TransportWs(Conversation):
    """
    A pong carries what its ping did. A ping with an `apiKey` or `token` brings a fresh one, which is not repeated.

    What fails ends its operation, not the socket.
    """

    def __init__(self, wire: Wire, lobby: Lobby, handshake: Handshake, operations: Operations) -> None:
        super().__init__(wire, lobby, handshake)
        self.operations = operations
        self.under_way: dict[str, _Operation] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self.under_way)

    async def take(self, message: dict[str, Any]) -> None:
        require_frame(message)
        payload = message.get("payload")
        match message["type"]:
            case "connection_init":
                await self._init(payload or {})
            case "ping":
                await self._ping(payload)
            case "pong":
                pass
            case "subscribe":
                self._subscribe(message["id"], message["payload"])
            case "complete":
                if found := self.under_way.pop(message["id"], None):
                    found.drop()
            case unknown:
                raise malformed(f"There is no message of the type {unknown}")

    def misunderstood(self) -> None:
        raise malformed("A message is a JSON object with a type, sent as text")

    def drop_all(self) -> None:
        while self.under_way:
            self.under_way.popitem()[1].drop()

    async def _init(self, payload: dict[str, Any]) -> None:
        if self.is_introduced:
            raise Closed(CloseCode.INTRODUCED_TWICE, "Too many initialisation requests")
        await self.introduce(payload)
        self.send(type="connection_ack")

    async def _ping(self, payload: dict[str, Any] | None) -> None:
        if payload and not payload.keys().isdisjoint(_CREDENTIALS) and self.is_introduced:
            await self.refresh(payload)
            payload = {name: value for name, value in payload.items() if name not in _CREDENTIALS}
        self.send(type="pong", **({} if payload is None else {"payload": payload}))

    def _subscribe(self, id: str, payload: dict[str, Any]) -> None:
        if not self.is_introduced:
            raise Closed(CloseCode.NOT_INTRODUCED, "Unauthorized")
        if id in self.under_way:
            raise Closed(CloseCode.ID_IN_USE, f"Subscriber for {id} already exists")
        if max(len(self.under_way), self.asking) >= MOST_OPERATIONS:
            message = f"A socket carries {MOST_OPERATIONS} operations at once: complete one first"
            self._fail(id, DomainError(ErrorCode.RATE_LIMITED, message))
            return
        asked = Asked(
            query=payload["query"], variables=payload.get("variables"), operation_name=payload.get("operationName")
        )
        self.under_way[id] = _Operation(self, id, asked)

    def _fail(self, id: str, error: DomainError) -> None:
        self._tell_errors(id, self.operations.refusal(error, self.handshake.trace_id))

    def _tell_errors(self, id: str, errors: bytes) -> None:
        self.outbox.send(b'{"id":', msgspec.json.encode(id), b',"type":"error","payload":', errors, b"}")

    def ended(self, operation: "_Operation", errors: bytes | None) -> None:
        """The operation has come to its end; its id is free again."""
        if self.under_way.get(operation.id) is not operation:  # the id may be another's by now
            return
        del self.under_way[operation.id]
        if errors is None:
            self.outbox.send(msgspec.json.encode({"id": operation.id, "type": "complete"}))
        else:
            self._tell_errors(operation.id, errors)


class _Operation:
    """One operation under way: a sink of answers."""

    __slots__ = ("_conversation", "_head", "_task", "id", "topic")

    def __init__(self, conversation: TransportWs, id: str, asked: Asked) -> None:
        self.id = id
        self._conversation = conversation
        self._head = b'{"id":' + msgspec.json.encode(id) + b',"type":"next","payload":'
        self.topic: Topic | None = None
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run(asked))

    def begin(self, cursor: str) -> None:
        """GraphQL has no answer for that."""

    def push(self, payload: bytes, subject: Hashable) -> None:
        self._conversation.outbox.send(self._head, payload, b"}", subject=subject and (self.id, subject))

    def finish(self, error: DomainError | None) -> None:
        self._conversation.ended(self, None if error is None else self._told(error))

    async def has_room(self) -> None:
        await self._conversation.outbox.has_room()

    def drop(self) -> None:
        """Nobody waits for it any more."""
        if self._task:
            self._task.cancel()
        self._conversation.lobby.topics.leave(self)

    async def _run(self, asked: Asked) -> None:
        try:
            await self._answer(asked)
        except DomainError as error:
            self.finish(error)
        except Exception:  # whatever it is, it ends this operation, and not the socket
            log.exception("an operation failed")
            self.finish(DomainError(ErrorCode.INTERNAL, "Something went wrong on our side"))
        finally:
            self._task = None

    async def _answer(self, asked: Asked) -> None:
        conversation = self._conversation
        caller = Caller(
            actor=conversation.actor,
            trace_id=conversation.handshake.trace_id,
            address=conversation.handshake.address,
            connection_id=conversation.connection_id,
        )
        found = await conversation.ask(conversation.operations.begin(asked, caller))
        if isinstance(found, Subscription):
            await conversation.lobby.topics.follow(found, self)
        elif found.errors is not None:
            conversation.ended(self, found.errors)
        else:
            await self.has_room()
            self.push(found.payload, None)
            self.finish(None)

    def _told(self, error: DomainError) -> bytes:
        return self._conversation.operations.refusal(error, self._conversation.handshake.trace_id)
