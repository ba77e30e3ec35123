"""Sockets: which protocol is spoken, by whom, from where."""

from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.http.websocket_origin import is_same_origin, normalize_allowed_origins, normalize_origin

from app.operations import GraphQLOperations
from app.wires import wire_of
from domain.errors import DomainError
from gateway.identity import Identity
from gateway.metering import address_of
from resolvers.streams import Usher
from streams.envelope import conversation as envelope
from streams.sockets import transport_ws
from streams.sockets.closing import CloseCode, refused, short_reason
from streams.sockets.conversation import Conversation, Handshake, Lobby

SPOKEN: dict[str, tuple[str, ...]] = {
    "/v1/streams": (transport_ws.PROTOCOL, envelope.PROTOCOL),
    "/graphql": (transport_ws.PROTOCOL,),
    "/v1/graphql": (transport_ws.PROTOCOL,),
}


class Sockets:
    """`/v1/streams` speaks both protocols, the addresses of GraphQL `graphql-transport-ws` alone."""

    def __init__(
        self,
        lobby: Lobby,
        identity: Identity,
        operations: GraphQLOperations,
        usher: Usher,
        allowed_origins: Collection[str],
    ) -> None:
        self._lobby = lobby
        self._identity = identity
        self._operations = operations
        self._usher = usher
        self._allowed_origins = normalize_allowed_origins(allowed_origins)

    def before(self, app: ASGIApp) -> ASGIApp:
        """The same, with sockets answered ahead of it: they are many, and each layer in between takes memory."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                await app(scope, receive, send)
            elif conversation := await self._begin(scope, receive, send):
                await conversation.run(receive)

        return answer

    async def _begin(self, scope: Scope, receive: Receive, send: Send) -> Conversation | None:
        """The conversation that can be held; None where the socket is closed already."""
        await receive()  # that somebody connects
        spoken = SPOKEN.get(scope["path"])
        if spoken is None or not self._may_connect(Headers(scope=scope)):
            await send({"type": "websocket.close"})  # before it is accepted, which is 403
            return None
        chosen = next((protocol for protocol in spoken if protocol in scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "subprotocol": chosen})
        wire = wire_of(scope)
        if chosen is None and (scope["subprotocols"] or envelope.PROTOCOL not in spoken):
            wire.close(CloseCode.NO_SUCH_SUBPROTOCOL, f"Spoken here: {', '.join(spoken)}")
            return None
        try:
            return self._conversation(chosen, wire, await self._handshake(HTTPConnection(scope)))
        except DomainError as error:
            closed = refused(error)
            wire.close(closed.code, short_reason(closed.reason))
            return None

    async def _handshake(self, asked: HTTPConnection) -> Handshake:
        """Who asks may be said in the headers; where it is not, the first message says it."""
        bears_token = asked.headers.get("authorization", "").lower().startswith("bearer ")  # others are a proxy's
        named = bears_token or "x-api-key" in asked.headers
        actor = await self._identity.of_request(asked) if named else None
        return Handshake(asked.scope["state"]["trace_id"], address_of(asked.scope), actor)

    def _conversation(self, protocol: str | None, wire: Any, handshake: Handshake) -> Conversation:
        if protocol == transport_ws.PROTOCOL:
            return transport_ws.TransportWs(wire, self._lobby, handshake, self._operations)
        return envelope.Envelope(wire, self._lobby, handshake, self._usher)

    def _may_connect(self, headers: Headers) -> bool:
        """Programs say no origin; pages of other hosts are let in where a setting names them."""
        origin = headers.get("origin")
        if origin is None or headers.get("sec-fetch-site") == "same-origin":
            return True
        if is_same_origin(origin, headers.get("host")) or "*" in self._allowed_origins:
            return True
        return normalize_origin(origin) in self._allowed_origins
