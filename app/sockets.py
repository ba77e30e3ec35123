"""Sockets: which protocol is spoken, by whom, from where."""

from collections.abc import Collection
from typing import Any

from starlette.websockets import WebSocket
from strawberry.http.websocket_origin import is_same_origin, normalize_allowed_origins, normalize_origin

from app.operations import GraphQLOperations
from app.wires import wire_of
from domain.errors import DomainError
from gateway.identity import Identity
from gateway.metering import address_of
from resolvers.streams import Usher
from streams import envelope, transport_ws
from streams.closing import CloseCode, refused, short_reason
from streams.conversation import Conversation, Handshake, Lobby


class Sockets:
    """`/v1/streams` speaks both protocols, other addresses `graphql-transport-ws` alone."""

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

    async def graphql(self, socket: WebSocket) -> None:
        await self._serve(socket, (transport_ws.PROTOCOL,))

    async def streams(self, socket: WebSocket) -> None:
        await self._serve(socket, (transport_ws.PROTOCOL, envelope.PROTOCOL))

    async def _serve(self, socket: WebSocket, spoken: tuple[str, ...]) -> None:
        if not self._may_connect(socket.headers.get("origin"), socket.headers):
            await socket.close()
            return
        offered: list[str] = socket.scope["subprotocols"]
        chosen = next((protocol for protocol in spoken if protocol in offered), None)
        await socket.accept(chosen)
        wire = wire_of(socket.scope)
        if chosen is None and (offered or envelope.PROTOCOL not in spoken):
            wire.close(CloseCode.NO_SUCH_SUBPROTOCOL, f"Spoken here: {', '.join(spoken)}")
            return
        try:
            handshake = await self._handshake(socket)
        except DomainError as error:
            closed = refused(error)
            wire.close(closed.code, short_reason(closed.reason))
            return
        await self._conversation(chosen, wire, handshake).run(socket._receive)  # noqa: SLF001 - whole events, unchecked

    async def _handshake(self, socket: WebSocket) -> Handshake:
        """Who asks may be said in the headers; where it is not, the first message says it."""
        named = {"x-api-key", "authorization"} & set(socket.headers.keys())
        actor = await self._identity.of_request(socket) if named else None
        return Handshake(socket.scope["state"]["trace_id"], address_of(socket.scope), actor)

    def _conversation(self, protocol: str | None, wire: Any, handshake: Handshake) -> Conversation:
        if protocol == transport_ws.PROTOCOL:
            return transport_ws.TransportWs(wire, self._lobby, handshake, self._operations)
        return envelope.Envelope(wire, self._lobby, handshake, self._usher)

    def _may_connect(self, origin: str | None, headers: Any) -> bool:
        """Programs say no origin; pages of other hosts are let in where a setting names them."""
        if origin is None or headers.get("sec-fetch-site") == "same-origin":
            return True
        if is_same_origin(origin, headers.get("host")) or "*" in self._allowed_origins:
            return True
        return normalize_origin(origin) in self._allowed_origins
