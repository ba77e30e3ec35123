"""What a watcher says, and how it knows what it hears."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.streams.jobs import Kind, Topic

_STREAM = (
    "subscription ($channels: [ChannelInput!]!) { stream(channels: $channels) { cursor event payload occurredAt } }"
)
_RUN = (
    "subscription ($id: ID!) { runUpdated(id: $id) { id status progress version createdAt startedAt finishedAt "
    "steps { id nodeId status progress } } }"
)


@dataclass(frozen=True, slots=True)
class Speech:
    """
    `hello` says who it is, and `welcome` stands in the answer; `subscribe` asks for a topic.

    `mark` stands at the beginning of each delivery, and of nothing else. `subject_of` takes the run out of one, with
    its `id` and, where the bus has brought it, the `version`.
    """

    subprotocol: str
    hello: Callable[[str], dict[str, Any]]
    welcome: str
    subscribe: Callable[[Topic], dict[str, Any]]
    mark: bytes
    subject_of: Callable[[dict[str, Any]], dict[str, Any]]


def _init(api_key: str) -> dict[str, Any]:
    return {"type": "connection_init", "payload": {"apiKey": api_key}}


def _auth(api_key: str) -> dict[str, Any]:
    return {"type": "auth", "apiKey": api_key}


def _operation(query: str, **variables: Any) -> dict[str, Any]:
    return {"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}}


def _channel(topic: Topic) -> dict[str, Any]:
    return {"name": "RUNS", "projectId": topic.project_id}


_GRAPHQL = "graphql-transport-ws"
SPEECHES = {
    Kind.STREAM: Speech(
        _GRAPHQL, _init, "connection_ack",
        lambda topic: _operation(_STREAM, channels=[_channel(topic)]),
        b'"next"', lambda said: said["payload"]["data"]["stream"]["payload"],
    ),
    Kind.RUN: Speech(
        _GRAPHQL, _init, "connection_ack",
        lambda topic: _operation(_RUN, id=topic.run_id),
        b'"next"', lambda said: said["payload"]["data"]["runUpdated"],
    ),
    Kind.ENVELOPE: Speech(
        "easel.v1", _auth, "authenticated",
        lambda topic: {"type": "subscribe", "id": "1", "channel": "runs", "projectId": topic.project_id},
        b'"channel"', lambda said: said["payload"],
    ),
}  # fmt: skip


def encoded(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
