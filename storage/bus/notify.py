"""The bus over PostgreSQL's LISTEN and NOTIFY, for deployments without Redis."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import make_url

from storage.bus.inbox import RESYNC
from storage.bus.reconnecting import DEFAULT_LIMITS, BusLimits, ReconnectingBackend

_CHANNEL = "easel_bus"
_PAYLOAD_LIMIT_BYTES = 7_999


class NotifyBackend(ReconnectingBackend):
    """One connection listens for all channels, one publishes. A message too large for NOTIFY goes out as RESYNC."""

    def __init__(self, url: str, limits: BusLimits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._arguments = _connect_arguments(url)
        self._publisher: asyncpg.Connection | None = None

    async def _send(self, channel: str, message: str) -> None:
        if self._publisher is None or self._publisher.is_closed():
            self._publisher = await self._open()
        try:
            await self._publisher.execute("SELECT pg_notify($1, $2)", _CHANNEL, _payload(channel, message))
        except BaseException:
            self._publisher.terminate()  # what state it is in is anyone's guess
            raise

    async def _close(self) -> None:
        if self._publisher:
            await self._hang_up(self._publisher)

    async def _listen(self) -> None:
        connection = await self._open()
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(_CHANNEL, self._receive)
            self._listening_began()
            for channel in self._channels:
                self._deliver(channel, RESYNC)
            await self._watch(connection, lost)
        finally:
            await self._hang_up(connection)

    async def _watch(self, connection: asyncpg.Connection, lost: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.keepalive_seconds):
                    await lost.wait()
            await connection.execute("SELECT 1")  # raises when the connection is lost, noticed or not

    def _receive(self, _connection: asyncpg.Connection, _process_id: int, _channel: str, payload: str) -> None:
        self._deliver(*msgspec.json.decode(payload, type=tuple[str, str]))

    async def _open(self) -> asyncpg.Connection:
        seconds = self._limits.call_seconds
        # A notification is nothing to keep: its commit need not wait for the disk.
        settings = {"synchronous_commit": "off"}
        return await asyncpg.connect(
            **self._arguments, timeout=seconds, command_timeout=seconds, server_settings=settings
        )

    async def _hang_up(self, connection: asyncpg.Connection) -> None:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=self._limits.call_seconds)


def _connect_arguments(url: str) -> dict[str, Any]:
    """The URL as SQLAlchemy reads it for asyncpg, without the arguments that are SQLAlchemy's own."""
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    return {name: value for name, value in arguments.items() if not name.startswith("prepared_statement_")}


def _payload(channel: str, message: str) -> str:
    payload = msgspec.json.encode((channel, message))
    if len(payload) > _PAYLOAD_LIMIT_BYTES:
        payload = msgspec.json.encode((channel, RESYNC))
    return payload.decode()
