"""What the messages of the plain envelope are made of, as JSON Schema, with the bounds that hold in the code."""

from collections.abc import Mapping
from typing import Any

from domain.announcements import LEVELS, MESSAGE_LENGTH
from domain.errors import ErrorCode
from domain.presence import STATE_BYTES
from streams.envelope.messages import CHANNELS, MOST_CHANNELS
from streams.feeds.cursors import LONGEST
from streams.sockets.frames import MOST_ID_CHARACTERS

Schema = dict[str, Any]


def text(meaning: str, **bounds: Any) -> Schema:
    return {"type": "string", "description": meaning, **bounds}


def or_null(schema: Schema, meaning: str | None = None) -> Schema:
    return {**schema, "type": [schema["type"], "null"], "description": meaning or schema["description"]}


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these members; it may have others."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def message(name: str, required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return record({"type": {"type": "string", "const": name}, **required}, optional)


def event(channel: str, names: tuple[str, ...], payload: Schema) -> Schema:
    return record(
        {
            "id": ID,
            "channel": {"type": "string", "const": channel},
            "event": text("What happened.", enum=list(names)),
            "payload": payload,
            "cursor": CURSOR,
            "clientMutationId": or_null(text("The caller's own id of the change that caused it.")),
            "traceId": or_null(TRACE_ID, "The trace of what caused it."),
            "occurredAt": TIME | {"description": "When it happened."},
        }
    )


ID = text("The subscription, as the client named it.", minLength=1, maxLength=MOST_ID_CHARACTERS)
OWN_ID = ID | {"description": "The client's own name for the subscription; without one it is the channel's."}
CURSOR = text("Where the subscription stands; opaque, for `after`.", minLength=1, maxLength=LONGEST)
AFTER = or_null(CURSOR, "A cursor of this deployment: what happened since then comes first.")
CHANNEL = text("What to follow.", enum=list(CHANNELS))
PROJECT_ID = text("The project.")
OWN_PROJECT_ID = or_null(PROJECT_ID, "The project; without one, that which the key or token stands for.")
RUN_ID = or_null(text("A run"), "On the channel runs: this run alone.")
CONNECTION_ID = text("The connection: somebody with two windows has two.")
TIME = text("A moment, in UTC.", format="date-time")
TRACE_ID = text("Finds the lines in the server's log.", pattern="^[0-9a-f]{32}$")
VERSION: Schema = {
    "type": "integer",
    "minimum": 1,
    "description": "Grows with each change: drop what is older than what you have.",
}
STATE: Schema = {"type": "object", "description": f"What they look at; at most {STATE_BYTES:,} bytes as JSON."}
ANYTHING: Schema = {"description": "Whatever the client likes; it comes back as it is."}
WANTED = record({"channel": CHANNEL}, {"projectId": OWN_PROJECT_ID, "runId": RUN_ID})
SEVERAL: Schema = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_CHANNELS,
    "items": WANTED,
    "description": "Several channels at once, under one cursor.",
}
ERROR = record(
    {
        "code": text("What it is, for programs.", enum=[str(code) for code in ErrorCode]),
        "message": text("What it is, for people, and what to do."),
        "traceId": TRACE_ID,
    },
    {
        "field": text("Which member of the message is meant."),
        "retryAfter": {"type": "number", "description": "After how many seconds it may be tried again."},
    },
)
PRESENCE = {
    "connectionId": CONNECTION_ID,
    "subject": text("Whose it is: the person's id, or the key's."),
    "name": or_null(text("What people call them.")),
    "state": STATE,
    "since": TIME | {"description": "When they came."},
    "version": VERSION,
}
ANNOUNCEMENT = {
    "id": text("The announcement."),
    "level": text("How much it matters.", enum=list(LEVELS)),
    "message": text("One line, to be shown.", minLength=1, maxLength=MESSAGE_LENGTH),
    "startsAt": TIME | {"description": "From when on it holds."},
    "endsAt": or_null(TIME, "Until when it holds; null: until it is ended."),
    "version": VERSION,
}
