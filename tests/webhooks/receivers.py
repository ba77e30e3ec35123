"""Receivers on loopback that answer as they are told to, and endpoints that are sent to them."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from standardwebhooks.webhooks import Webhook

from domain.webhook_deliveries import WebhookDelivery
from domain.webhooks import CreateWebhookEndpoint, WebhookEndpoint
from tests.engine.crew import until
from tests.servers.listening import listening
from tests.studio import Tenant

LIMIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Message:
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    def verify(self, secret: str) -> Any:
        """As receivers do it, with the standard's own library; raises where it is not ours, whole and fresh."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass(slots=True)
class Receiver:
    """Answers with what `script` says, one after the other, then with 200; `hang` is never answered."""

    port: int = 0
    script: deque[str] = field(default_factory=deque)
    messages: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def next(self) -> Message:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self.messages.get()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            message = await _read(reader)
            answer = self.script.popleft() if self.script else "200 OK"
            self.messages.put_nowait(message)
            if answer == "hang":
                await reader.read()
            else:
                head, _, more = answer.partition("|")
                writer.write(f"HTTP/1.1 {head}\r\n{more}Content-Length: 2\r\n\r\nok".encode())
                await writer.drain()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Message:
    _, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in fields)}
    return Message(headers, await reader.readexactly(int(headers["content-length"])))


@asynccontextmanager
async def receiving(*script: str) -> AsyncIterator[Receiver]:
    receiver = Receiver(script=deque(script))
    async with listening(receiver.converse) as port:
        receiver.port = port
        yield receiver


async def an_endpoint(owner: Tenant, url: str, *events: str) -> tuple[WebhookEndpoint, str]:
    """With its secret."""
    shown = await owner.do(CreateWebhookEndpoint(project_id=owner.project_id, url=url, events=list(events) or ["*"]))
    return shown.entity, shown.secret


async def deliveries_of(owner: Tenant) -> list[WebhookDelivery]:
    """Oldest first."""
    return (await owner.parts.studio.reads.many(WebhookDelivery, owner.actor))[::-1]


async def _has(owner: Tenant, **fields: object) -> bool:
    deliveries = await deliveries_of(owner)
    return bool(deliveries) and all(getattr(deliveries[-1], name) == value for name, value in fields.items())


async def becomes(owner: Tenant, **fields: object) -> WebhookDelivery:
    """The newest delivery, once it has these values."""
    await until(lambda: _has(owner, **fields))
    return (await deliveries_of(owner))[-1]


async def endpoint_now(owner: Tenant, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    found = await owner.parts.studio.reads.one(WebhookEndpoint, owner.actor, id=endpoint.id)
    assert found is not None
    return found


async def execute_sql(owner: Tenant, statement: str) -> None:
    async with owner.parts.engine.begin() as connection:
        await connection.execute(text(statement))


async def hurry(owner: Tenant) -> None:
    """As if the time until the next attempt had passed; the senders look again by themselves."""
    await execute_sql(owner, "UPDATE webhook_deliveries SET due_at = now() WHERE status = 'PENDING'")
