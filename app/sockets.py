"""Sockets: Strawberry's graphql-transport-ws, held to the protocol's own words."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

from graphql import GraphQLError
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    PingMessage,
    SubscribeMessage,
)

from app.frames import require_frame, short_reason
from domain.errors import ErrorCode
from gateway.identity import Identity
from resolvers.context import Context

SEND_SECONDS = 10.0
CLOSED_FORBIDDEN = 4403


class Socket(ASGIWebSocketAdapter):
    """Takes only frames of the protocol, and drops who does not read."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        try:
            async for message in super().iter_json(ignore_parsing_errors=ignore_parsing_errors):
                yield require_frame(message)
        except (ValueError, RecursionError) as error:
            raise NonJsonMessageReceived from error

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await super().send_json(message)
        except (TimeoutError, RuntimeError, OSError) as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        try:
            await super().close(code, short_reason(reason))
        except (RuntimeError, OSError) as error:  # it was closed already
            raise WebSocketDisconnected from error


class Conversation(BaseGraphQLTransportWSHandler[Context, None]):
    """
    A syntax error ends its operation, not the socket; a pong carries what its ping did; no error without a code.

    Whoever's key is revoked, or whose key or token expires, is sent away from an open socket too.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._watch: asyncio.Task[None] | None = None

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self._watch is None:
            self._watch = asyncio.create_task(self._close_when_invalid())

    async def shutdown(self) -> None:
        if self._watch:
            self._watch.cancel()
        await super().shutdown()

    async def _close_when_invalid(self) -> None:
        identity: Identity = self.view.identity  # type: ignore[attr-defined] # the view is StudioGraphQL
        try:
            await identity.until_invalid(self.context.actor)
        except Exception as error:  # noqa: BLE001 - who cannot be checked may not stay
            await self.handle_task_exception(error)
        self.context.known_actor = None  # what still arrives is asked by nobody
        for name in list(self.operations):
            await self.cleanup_operation(name)
        with suppress(WebSocketDisconnected):
            await self.websocket.close(CLOSED_FORBIDDEN, "Your key or token is no longer valid: connect with another")

    async def handle_ping(self, message: PingMessage) -> None:
        payload = message.get("payload")
        await self.send_message({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        most = self.max_subscriptions_per_connection
        if most is None or len(self.operations) < most or message["id"] in self.operations:
            await super().handle_subscribe(message)
            return
        told = {"code": ErrorCode.RATE_LIMITED, "traceId": self.context.trace_id}
        error = GraphQLError(f"A socket carries {most} operations at once: complete one first", extensions=told)
        await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @staticmethod
    def _get_pre_execution_close_reason(_: GraphQLError) -> str | None:
        return None
