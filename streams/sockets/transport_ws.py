"""graphql-transport-ws: queries, mutations and subscriptions over one socket, to the protocol's letter."""

from typing import Any

import msgspec
import structlog

from domain.errors import DomainError, ErrorCode
from streams.operations import Asked, Caller, Operations
from streams.sockets.closing import CloseCode, Closed
from streams.sockets.conversation import MOST_OPERATIONS, Conversation, Handshake, Lobby
from streams.sockets.frames import malformed, require_frame
from streams.sockets.operation import Operation
from streams.sockets.outbox import Wire
from streams.topics.topic import Subscription

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


class _Operation(Operation[TransportWs]):
    __slots__ = ()
    tail = b"}"

    def __init__(self, conversation: TransportWs, id: str, asked: Asked) -> None:
        super().__init__(conversation, id, b'{"id":' + msgspec.json.encode(id) + b',"type":"next","payload":', asked)

    def begin(self, cursor: str) -> None:
        """GraphQL has no answer for that."""

    def finish(self, error: DomainError | None) -> None:
        self.conversation.ended(self, None if error is None else self._told(error))

    async def answer(self, asked: Asked) -> None:
        conversation = self.conversation
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
        return self.conversation.operations.refusal(error, self.conversation.handshake.trace_id)
