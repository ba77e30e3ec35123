"""Conversations as rows of a table: what is said on a socket, and what must be heard, in this order."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.api.talking import Talker, talking
from tests.faults.callers import Caller
from tests.studio import Client

VIEWER = "{ viewer { kind } }"
KIND = {"viewer": {"kind": "api_key"}}
STREAM = "subscription { stream(channels: [{name: RUNS}]) { event } }"
MOST_REASON_BYTES = 123

Step = Callable[[Talker, Client], Awaitable[None]]


async def converse(client: Client, *steps: Step, path: str = "/v1/streams", **more: Any) -> None:
    """Take the steps on a socket of their own, whose handshake carries the key."""
    options = {"additional_headers": {"X-API-Key": client.key.apiKey}} | more
    async with talking(client, path, **options) as talker:
        for step in steps:
            await step(talker, client)


def say(frame: str | bytes | None = None, **message: Any) -> Step:
    async def said(talker: Talker, client: Client) -> None:
        await talker.socket.send(json.dumps(message) if frame is None else frame)

    return said


def ask(id: str, query: str = VIEWER, **payload: Any) -> Step:
    return say(id=id, type="subscribe", payload={"query": query, **payload})


def hear(**expected: Any) -> Step:
    """The next message has these members and no others; objects within it may have more."""

    async def heard(talker: Talker, client: Client) -> None:
        message = await talker.hear()
        assert message.keys() == expected.keys(), message
        assert holds(message, expected), message

    return heard


def closes(*codes: int) -> Step:
    """The server closes with one of the codes, and says why in words that fit into a close frame."""

    async def closed(talker: Talker, client: Client) -> None:
        code, reason = await talker.closed()
        assert code in codes
        assert 0 < len(reason.encode()) <= MOST_REASON_BYTES

    return closed


INTRODUCED = (say(type="connection_init"), hear(type="connection_ack"))
GONE_ON = (say(type="ping", payload={"all": "said"}), hear(type="pong", payload={"all": "said"}))
"""The socket is open, and nothing else was on its way."""


def answered(id: str, data: Any = KIND) -> tuple[Step, ...]:
    """An answer without errors, and its end."""
    return hear_next(id, data), hear(id=id, type="complete")


def hear_next(id: str, data: Any) -> Step:
    async def heard(talker: Talker, client: Client) -> None:
        message = await talker.hear()
        assert (message.get("id"), message.get("type")) == (id, "next"), message
        assert holds(message["payload"].get("data"), data), message
        assert "errors" not in message["payload"], message

    return heard


def refused(id: str, *codes: str) -> Step:
    """An `error` that lists an error with each code, its sentence and its trace."""

    async def heard(talker: Talker, client: Client) -> None:
        message = await talker.hear()
        assert (message.get("id"), message.get("type")) == (id, "error"), message
        assert [error["extensions"]["code"] for error in message["payload"]] == list(codes), message
        assert all(error["message"] and len(error["extensions"]["traceId"]) == 32 for error in message["payload"])

    return heard


def failed(id: str, code: str) -> Step:
    """An `error`, or a `next` whose first error has the code and `complete`: both end the operation."""

    async def heard(talker: Talker, client: Client) -> None:
        message = await talker.hear()
        assert message.get("id") == id, message
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == code, message
        assert len(errors[0]["extensions"]["traceId"]) == 32
        if message["type"] == "next":
            assert await talker.hear() == {"id": id, "type": "complete"}

    return heard


def holds(heard: Any, expected: Any) -> bool:
    """Whether what was heard is as expected; objects may have more members."""
    if isinstance(expected, dict) and isinstance(heard, dict):
        return all(name in heard and holds(heard[name], value) for name, value in expected.items())
    return bool(heard == expected)


async def something_happens(talker: Talker, client: Client) -> None:
    await finish_a_run(client)


def is_followed(client: Client) -> bool:
    """Whether anybody listens to anything at the server."""
    return bool(client.parts.studio.hub._hearing.listeners)


async def finish_a_run(client: Client) -> None:
    """A run of the project, which ends at once."""
    caller = Caller(client.http, client.key)
    await caller.finished(await caller.start(await caller.workflow(pictures=0)))


def hear_all_of_it(*ids: str) -> Step:
    """Each of the subscriptions hears of the run to its end, and no other of anything."""

    async def heard(talker: Talker, client: Client) -> None:
        awaited = set(ids)
        while awaited:
            message = await talker.hear()
            assert message["type"] == "next", message
            assert message["id"] in ids, message
            if message["payload"]["data"]["stream"]["event"] == "run.completed":
                awaited.remove(message["id"])

    return heard
