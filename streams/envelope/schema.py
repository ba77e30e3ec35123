"""
The messages of the plain envelope, as a client says and hears them: a schema of each, what it is for, an example.

Whoever reads messages passes over members that are not named here.
"""

from dataclasses import dataclass
from typing import Any

from domain.events import EVENTS
from streams.envelope import shapes
from streams.envelope.shapes import Schema, event, message, or_null, record, text
from streams.sockets.closing import CloseCode


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message; `answers` are the kinds that it is answered by."""

    summary: str
    schema: Schema
    example: dict[str, Any]
    answers: tuple[str, ...] = ()


_CURSOR = "q83vASNFZ4mrze8BeyIwMTlhYmMiOjQyfQ"
_PROJECT = "019abc00-0000-7000-8000-000000000001"
_RUN = "019abc00-0000-7000-8000-000000000002"
_CONNECTION = "019abc00-0000-7000-8000-000000000003"
_ANNOUNCEMENT = "019abc00-0000-7000-8000-000000000004"
_MOMENT = "2026-12-01T19:00:00.000Z"
_TRACE = "0af7651916cd43dd8448eb211c80319c"
_ADA = {
    "connectionId": _CONNECTION,
    "subject": "ada",
    "name": "Ada Lovelace",
    "state": {"node": "prompt"},
    "since": _MOMENT,
    "version": 1,
}
_CLOSING = {
    "id": _ANNOUNCEMENT,
    "level": "warning",
    "message": "We close at eight",
    "startsAt": _MOMENT,
    "endsAt": None,
    "version": 1,
}
_FOLLOWED = {"projectId": shapes.OWN_PROJECT_ID, "runId": shapes.RUN_ID}


def _one_of(*names: tuple[str, ...]) -> Schema:
    return {"anyOf": [{"required": list(members)} for members in names]}


def _told(channel: str, name: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"id": channel, "channel": channel, "event": name, "payload": payload, "cursor": _CURSOR}
    return {**told, "clientMutationId": None, "traceId": None, "occurredAt": _MOMENT, **more}


SAID: dict[str, Message] = {
    "auth": Message(
        "Say who you are, with a key or a token; on an open socket, to go on with a fresh one, or to hear of yourself.",
        message("auth", {}, {"apiKey": or_null(text("An API key.")), "token": or_null(text("A person's token."))}),
        {"type": "auth", "apiKey": "easel_…"},
        ("authenticated",),
    ),
    "subscribe": Message(
        "Follow one channel, or several under one cursor: `channel` with its members, or `channels` and an `id`.",
        message(
            "subscribe",
            {},
            {
                "id": shapes.OWN_ID,
                "channel": shapes.CHANNEL,
                **_FOLLOWED,
                "channels": shapes.SEVERAL,
                "after": shapes.AFTER,
            },
        )
        | _one_of(("channel",), ("id", "channels")),
        {"type": "subscribe", "channel": "runs", "after": _CURSOR},
        ("subscribed", "error"),
    ),
    "unsubscribe": Message(
        "End a subscription, by its id; by its channel where it was given none.",
        message("unsubscribe", {}, {"id": shapes.ID, "channel": shapes.CHANNEL}) | _one_of(("id",), ("channel",)),
        {"type": "unsubscribe", "id": "runs"},
        ("unsubscribed", "error"),
    ),
    "presence": Message(
        "Say what you look at in a project; null leaves it. The channel presence tells it to everybody there.",
        message("presence", {"state": or_null(shapes.STATE)}, {"projectId": shapes.OWN_PROJECT_ID}),
        {"type": "presence", "state": {"node": "prompt"}},
    ),
    "ping": Message(
        "Ask whether the server is there.",
        message("ping", {}, {"payload": shapes.ANYTHING}),
        {"type": "ping", "payload": {"at": 7}},
        ("pong",),
    ),
}

TOLD: dict[str, Message] = {
    "authenticated": Message(
        "The server knows who you are.",
        message(
            "authenticated",
            {
                "connectionId": shapes.CONNECTION_ID,
                "expiresAt": or_null(shapes.TIME, "When the key or token expires; null: not at all."),
            },
        ),
        {"type": "authenticated", "connectionId": _CONNECTION, "expiresAt": None},
    ),
    "subscribed": Message(
        "The subscription has begun. What is read after this, and the events that follow, have nothing between them.",
        message("subscribed", {"id": shapes.ID, "cursor": shapes.CURSOR}),
        {"type": "subscribed", "id": "runs", "cursor": _CURSOR},
    ),
    "unsubscribed": Message(
        "The subscription is over: nothing comes of it any more.",
        message("unsubscribed", {"id": shapes.ID}),
        {"type": "unsubscribed", "id": "runs"},
    ),
    "pong": Message(
        "The answer to a ping, with its payload.",
        message("pong", {}, {"payload": shapes.ANYTHING}),
        {"type": "pong", "payload": {"at": 7}},
    ),
    "error": Message(
        "What was said could not be done; the socket stays. With an `id`, it is about this subscription.",
        message("error", {"error": shapes.ERROR}, {"id": shapes.ID}),
        {
            "type": "error",
            "id": "runs",
            "error": {
                "code": "RUN_NOT_FOUND",
                "message": "There is no such run",
                "field": "channels.runId",
                "traceId": _TRACE,
            },
        },
    ),
    "recorded": Message(
        "Something happened to a run, a step, a generation or an image: its fields, as they were then.",
        event("runs", EVENTS, {"type": "object", "description": "The fields of what the event is about."}),
        _told("runs", "run.completed", {"id": _RUN, "status": "SUCCEEDED", "version": 9}, traceId=_TRACE),
    ),
    "resync": Message(
        "What happened before this is not kept any more: read the state again, then go on with what follows.",
        event(
            "runs",
            ("resync",),
            record({"reason": text("Why, for people."), "cursor": shapes.CURSOR}),
        ),
        _told("runs", "resync", {"reason": "what happened since the cursor is no longer kept", "cursor": _CURSOR}),
    ),
    "present": Message(
        "Who is present in a project, in the order in which they came; told once on joining.",
        event(
            "presence",
            ("presence.snapshot",),
            record({"projectId": shapes.PROJECT_ID, "members": {"type": "array", "items": record(shapes.PRESENCE)}}),
        ),
        _told("presence", "presence.snapshot", {"projectId": _PROJECT, "members": [_ADA]}),
    ),
    "came": Message(
        "Somebody came into a project, or says something new there.",
        event(
            "presence",
            ("presence.joined", "presence.updated"),
            record({"projectId": shapes.PROJECT_ID, **shapes.PRESENCE}),
        ),
        _told("presence", "presence.joined", {"projectId": _PROJECT, **_ADA}),
    ),
    "left": Message(
        "Somebody left a project.",
        event(
            "presence",
            ("presence.left",),
            record({"projectId": shapes.PROJECT_ID, "connectionId": shapes.CONNECTION_ID}),
        ),
        _told("presence", "presence.left", {"projectId": _PROJECT, "connectionId": _CONNECTION}),
    ),
    "announced": Message(
        "An announcement began or ended. Without `after`, those that hold are told first, as if they began.",
        event("announcements", ("announcement.started", "announcement.ended"), record(shapes.ANNOUNCEMENT)),
        _told("announcements", "announcement.started", _CLOSING),
    ),
}

TOO_LARGE = 1009  # of RFC 6455; the socket itself sees to it
CLOSES: dict[int, str] = {
    CloseCode.DONE: "done",
    TOO_LARGE: "a message over 64 KiB",
    CloseCode.FAILED: "something went wrong on our side: connect again",
    CloseCode.RESTART: "the server restarts: connect again, and resume",
    CloseCode.TRY_AGAIN_LATER: "not now: too many sockets of one key, a limit, or the database is away",
    CloseCode.NOT_THE_PROTOCOL: "not the protocol (GraphQL alone; the envelope answers with an error)",
    CloseCode.NOT_INTRODUCED: "something was said before it was said by whom",
    CloseCode.FORBIDDEN: "the key or token opens nothing",
    CloseCode.NO_SUCH_SUBPROTOCOL: "none of the subprotocols that were offered is spoken here",
    CloseCode.INTRODUCED_TOO_LATE: "nobody said who they are in time",
    CloseCode.ID_IN_USE: "the id is in use (GraphQL alone; the envelope answers with an error)",
    CloseCode.NO_LONGER_VALID: "the key was revoked, the token expired, or its rights changed: connect with a fresh "
    "one, and resume",
    CloseCode.TOO_SLOW: "what was sent was not read: connect again, and resume",
    CloseCode.IDLE: "nothing was subscribed to, and nothing was said for long",
    CloseCode.INTRODUCED_TWICE: "a second introduction (GraphQL alone; the envelope takes it as a fresh key or token)",
}
