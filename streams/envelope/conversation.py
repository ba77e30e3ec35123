"""
The plain envelope (`easel.v1`): JSON objects over one socket, for those who do without GraphQL.

Out come `{"id", "channel", "event", "payload", "cursor", …}`; what was said wrong is answered, and the socket stays.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import structlog
from starlette.types import Receive

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.permissions import Actor
from domain.plain import rfc3339
from streams.envelope.messages import Wanted, id_in, name_in, state_in, text_in, wanted_in
from streams.feeds.deliveries import Delivery
from streams.sockets.closing import CloseCode, Closed
from streams.sockets.conversation import MOST_OPERATIONS, Conversation, Handshake, Lobby
from streams.sockets.frames import is_id
from streams.sockets.operation import Operation
from streams.sockets.outbox import Wire
from streams.topics.channels import Channels
from streams.topics.topic import Subscription

PROTOCOL = "easel.v1"

log = structlog.get_logger(__name__)


class Ushers(Protocol):
    """Finds what a caller may follow. Raises what the contract says of `stream`."""

    async def pay(self, actor: Actor, cost: int) -> None:
        """Take the cost from the caller's minute. Raises RATE_LIMITED."""

    async def channels(self, actor: Actor, wanted: Sequence[Wanted], after: str | None) -> Channels: ...

    async def be_present(self, actor: Actor, connection_id: Id, project_id: Id | None, state: Any) -> None:
        """Say what somebody looks at; None: they leave."""


class Envelope(Conversation):
    def __init__(self, wire: Wire, lobby: Lobby, handshake: Handshake, ushers: Ushers) -> None:
        super().__init__(wire, lobby, handshake)
        self.ushers = ushers

    async def take(self, message: dict[str, Any]) -> None:
        try:
            await self._do(message)
        except DomainError as error:
            self.fail(error, message.get("id", message.get("channel")))

    async def run(self, receive: Receive) -> None:
        """Who said in the handshake who they are is let in with it, and need not say it again."""
        if self.known_actor is not None:
            try:
                await self.introduce({})
            except Closed as closed:
                self.close(closed.code, closed.reason)
        await super().run(receive)

    def misunderstood(self) -> None:
        self.fail(InvalidInput("A message is a JSON object with a `type`, sent as text"))

    def fail(self, error: DomainError, id: object = None) -> None:
        told = {**error.extensions, "message": error.message, "traceId": self.handshake.trace_id}
        self.send(type="error", **({"id": id} if is_id(id) else {}), error=told)

    async def _do(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                self.send(type="pong", **({"payload": message["payload"]} if "payload" in message else {}))
            case "pong":
                pass
            case "auth":
                await self._auth(message)
            case _ if not self.is_introduced:
                raise Closed(CloseCode.NOT_INTRODUCED, "Say who you are first: send an `auth` message")
            case "subscribe":
                self._subscribe(message)
            case "unsubscribe":
                self._unsubscribe(message)
            case "presence":
                project_id, state = id_in(message, "projectId"), state_in(message)
                await self.ushers.pay(self.actor, 1)
                await self.ushers.be_present(self.actor, self.connection_id, project_id, state)
            case _:
                known = "auth, subscribe, unsubscribe, presence, ping"
                raise InvalidInput(f"There is no message of this type: there are {known}", field="type")

    async def _auth(self, message: dict[str, Any]) -> None:
        if not self.is_introduced:
            await self.introduce(message)
        elif message.get("apiKey") or message.get("token"):
            await self.refresh(message)
        ends = self.actor.expires_at
        self.send(type="authenticated", connectionId=self.connection_id, expiresAt=ends and rfc3339(ends))

    def _subscribe(self, message: dict[str, Any]) -> None:
        wanted, id_, after = wanted_in(message), name_in(message), text_in(message, "after")
        if id_ in self.under_way:
            raise DomainError(ErrorCode.CONFLICT, f"There is a subscription {id_} already: give an `id`", field="id")
        if max(len(self.under_way), self.asking) >= MOST_OPERATIONS:
            reason = f"A socket carries {MOST_OPERATIONS} subscriptions at once: end one first"
            raise DomainError(ErrorCode.RATE_LIMITED, reason)
        self.under_way[id_] = _Following(self, id_, (wanted, after))

    async def wanted(self, wanted: Sequence[Wanted], after: str | None) -> Channels:
        await self.ushers.pay(self.actor, len(wanted))
        return await self.ushers.channels(self.actor, wanted, after)

    def _unsubscribe(self, message: dict[str, Any]) -> None:
        id_ = name_in(message)
        found = self.under_way.pop(id_, None)
        if found is None:
            raise DomainError(ErrorCode.NOT_FOUND, f"There is no subscription {id_}", field="id")
        found.drop()
        self.send(type="unsubscribed", id=id_)


class _Following(Operation[Envelope]):
    """One subscription."""

    __slots__ = ("_is_begun",)

    def __init__(self, conversation: Envelope, id: str, asked: tuple[Sequence[Wanted], str | None]) -> None:
        super().__init__(conversation, id, b'{"id":' + msgspec.json.encode(id) + b",", asked)
        self._is_begun = False

    def begin(self, cursor: str) -> None:
        self._is_begun = True
        self.conversation.send(type="subscribed", id=self.id, cursor=cursor)

    def finish(self, error: DomainError | None) -> None:
        if self.conversation.under_way.get(self.id) is not self:  # the id may be another's by now
            return
        del self.conversation.under_way[self.id]
        if error is not None:
            self.conversation.fail(error, self.id)
        if self._is_begun:
            self.conversation.send(type="unsubscribed", id=self.id)

    async def answer(self, asked: tuple[Sequence[Wanted], str | None]) -> None:
        conversation = self.conversation
        channels = await conversation.ask(conversation.wanted(*asked))
        subscription = Subscription((PROTOCOL, channels.key), channels, _encode, conversation.actor.identity)
        await conversation.lobby.topics.follow(subscription, self)


async def _encode(delivery: Delivery) -> bytes:
    """All but the first brace, behind which each subscription puts its id."""
    told = {
        "channel": delivery.channel,
        "event": delivery.event,
        "payload": delivery.payload,
        "cursor": delivery.cursor,
        "clientMutationId": delivery.client_mutation_id,
        "traceId": delivery.trace_id,
        "occurredAt": rfc3339(delivery.occurred_at),
    }
    return msgspec.json.encode(told)[1:]
