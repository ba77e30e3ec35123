"""Conversations in the plain envelope; whatever is heard is as the AsyncAPI document says, and has nothing besides."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jsonschema_rs
from websockets.asyncio.client import connect

from streams.envelope.schema import TOLD
from tests.api.talking import Talker
from tests.protocols.conversing import Step, hear, holds, say
from tests.studio import Client

EVENT_MEMBERS = {"id", "channel", "event", "payload", "cursor", "clientMutationId", "traceId", "occurredAt"}
AUTHENTICATED = hear(type="authenticated")


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "additionalProperties": False}


_ANSWERS = {name: one.schema for name, one in TOLD.items() if "type" in one.schema["properties"]}
_EVENTS = {
    name: one.schema for one in TOLD.values() for name in one.schema["properties"].get("event", {}).get("enum", [])
}
_VALIDATORS = {
    name: jsonschema_rs.validator_for(_closed(schema), validate_formats=True)
    for name, schema in {**_ANSWERS, **_EVENTS}.items()
}


class Correspondent(Talker):
    """Speaks the envelope."""

    async def hear(self) -> dict[str, Any]:
        message = await super().hear()
        require_documented(message)
        return message

    async def hear_event(self, *names: str) -> dict[str, Any]:
        """The next that happened of these; or whatever comes next is one."""
        while (message := await self.hear()).get("event") not in (names or _EVENTS):
            assert names, message
        return message

    async def hear_until(self, *names: str) -> list[dict[str, Any]]:
        """All that is heard up to the first event of these names."""
        heard = [await self.hear()]
        while heard[-1].get("event") not in names:
            heard.append(await self.hear())
        return heard

    async def subscribe(self, channel: str = "runs", **more: Any) -> str:
        """The cursor at which it begins; nothing may come before the answer."""
        await self.say(type="subscribe", channel=channel, **more)
        return await self.hear_begin(more.get("id", channel))

    async def unsubscribe(self, id: str) -> list[dict[str, Any]]:
        """What was on its way before the end was told."""
        await self.say(type="unsubscribe", id=id)
        heard = []
        while (message := await self.hear()) != {"type": "unsubscribed", "id": id}:
            assert message["id"] == id, message
            heard.append(message)
        return heard

    async def hear_begin(self, id: str) -> str:
        answer = await self.hear()
        assert (answer.get("type"), answer.get("id")) == ("subscribed", id), answer
        return str(answer["cursor"])

    async def authenticate(self, **credentials: str) -> dict[str, Any]:
        await self.say(type="auth", **credentials)
        answer = await self.hear()
        assert answer["type"] == "authenticated", answer
        return answer

    async def hears_nothing_more(self) -> None:
        """Nothing was on its way."""
        await self.say(type="ping", payload="all said")
        assert await self.hear() == {"type": "pong", "payload": "all said"}


def require_documented(message: dict[str, Any]) -> None:
    name = message.get("type", message.get("event"))
    assert name in _VALIDATORS, f"the document knows no such message: {message}"
    _VALIDATORS[name].validate(message)


@asynccontextmanager
async def connected(client: Client, **more: Any) -> AsyncIterator[Correspondent]:
    """A socket that has said nothing yet, not in its handshake either."""
    options: dict[str, Any] = {"subprotocols": ["easel.v1"], "compression": None, "proxy": None} | more
    async with connect(f"ws{client.url.removeprefix('http')}/v1/streams", **options) as socket:
        yield Correspondent(socket)


@asynccontextmanager
async def corresponding(client: Client, api_key: str | None = None, **more: Any) -> AsyncIterator[Correspondent]:
    """A socket whose handshake carries the client's key, or another."""
    headers = {"X-API-Key": api_key or client.key.apiKey}
    async with connected(client, additional_headers=headers, **more) as one:
        yield one


async def correspond(client: Client, *steps: Step, **more: Any) -> None:
    """Take the steps on a socket of their own, whose handshake carries the key."""
    async with corresponding(client, **more) as one:
        for step in steps:
            await step(one, client)


def authenticate(**credentials: Any) -> tuple[Step, Step]:
    return say(type="auth", **credentials), hear_of(type="authenticated")


def hear_of(**expected: Any) -> Step:
    """The next message has these members, and perhaps others."""

    async def heard(talker: Talker, client: Client) -> None:
        message = await talker.hear()
        assert holds(message, expected), message

    return heard


def refused(code: str, id: str | None = None, field: str | None = None) -> Step:
    """An error with this code, its sentence and its trace, and no other members than these."""

    async def heard(talker: Talker, client: Client) -> None:
        message = await talker.hear()
        members = {"type", "error"} | ({"id"} if id else set())
        assert (message["type"], set(message), message.get("id")) == ("error", members, id), message
        error = message["error"]
        assert error["code"] == code, message
        assert error["message"], message
        assert len(error["traceId"]) == 32
        assert field is None or error["field"] == field, message

    return heard
