"""The shape of what a graphql-transport-ws client may send."""

from typing import Any

from streams.sockets.closing import CloseCode, Closed

MOST_ID_CHARACTERS = 128
_MEMBERS: dict[str, type] = {"variables": dict, "operationName": str, "extensions": dict}


def require_frame(message: dict[str, Any]) -> None:
    """Raises Closed where the message is none of the protocol's."""
    kind, payload = message["type"], message.get("payload")
    if kind in {"subscribe", "complete"}:
        _require_id(message.get("id"))
    if kind == "subscribe":
        _require_operation(payload)
    elif kind in {"connection_init", "ping", "pong"} and payload is not None and not isinstance(payload, dict):
        raise malformed(f"What comes with a {kind} is an object")


def malformed(what: str) -> Closed:
    return Closed(CloseCode.NOT_THE_PROTOCOL, what)


def _require_id(id: Any) -> None:
    if not is_id(id):
        raise malformed(f"An operation has an id of 1 to {MOST_ID_CHARACTERS} characters")


def is_id(id: Any) -> bool:
    return isinstance(id, str) and 1 <= len(id) <= MOST_ID_CHARACTERS


def _require_operation(payload: Any) -> None:
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise malformed("An operation has a query")
    for name, kind in _MEMBERS.items():
        if payload.get(name) is not None and not isinstance(payload[name], kind):
            raise malformed(f"{name} is of the wrong type")
