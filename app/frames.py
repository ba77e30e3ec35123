"""The shape of what a graphql-transport-ws client may send."""

from typing import Any

MOST_ID_CHARACTERS = 128
MOST_REASON_BYTES = 123  # of a WebSocket close frame (RFC 6455, 5.5)


def require_frame(message: Any) -> dict[str, Any]:
    """The message, if it is one of the protocol's. Raises ValueError."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("a message is an object with a type")  # noqa: TRY004 - one kind of error for all that is wrong
    if message["type"] in {"subscribe", "complete"}:
        _require_id(message.get("id"))
    if message["type"] == "subscribe":
        _require_operation(message.get("payload"))
    if message["type"] in {"ping", "pong"} and not isinstance(message.get("payload") or {}, dict):
        raise ValueError("what comes with a ping is an object")
    if message.get("payload", {}) is None:
        return {name: value for name, value in message.items() if name != "payload"}
    return message


def short_reason(reason: str) -> str:
    """As much of a reason as fits into a close frame."""
    return reason.encode("utf-8", "replace")[:MOST_REASON_BYTES].decode("utf-8", "ignore")


def _require_id(id: Any) -> None:
    if not isinstance(id, str) or not 1 <= len(id) <= MOST_ID_CHARACTERS:
        raise ValueError("an operation has an id")


def _require_operation(payload: Any) -> None:
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise ValueError("an operation has a query")  # noqa: TRY004 - one kind of error for all that is wrong
    kinds = {"variables": dict, "operationName": str, "extensions": dict}
    for name, kind in kinds.items():
        if payload.get(name) is not None and not isinstance(payload[name], kind):
            raise ValueError(f"{name} is of the wrong type")
