"""The AsyncAPI document of the plain envelope, made of the messages as the code has them."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.wires import MOST_MESSAGE_BYTES
from app.yaml_text import as_yaml
from streams.envelope.conversation import PROTOCOL
from streams.envelope.schema import CLOSES, SAID, TOLD, Message
from streams.sockets.conversation import MOST_OPERATIONS

ASYNCAPI = "3.0.0"
MEDIA_TYPE = f"application/vnd.aai.asyncapi+yaml;version={ASYNCAPI}"
EXAMPLE_URL = "http://127.0.0.1:8000"
_CHANNEL = "#/channels/streams"
_VERSION = "1.0.0"  # of the protocol, whose first number is in its name
_ABOUT = f"""\
Live delivery as JSON objects over one WebSocket, for those who do without GraphQL: open the address with the
subprotocol `{PROTOCOL}`, or none; say who you are; subscribe. Each message is one text frame, of at most
{MOST_MESSAGE_BYTES // 1024} KiB where the client sends it.

An event carries a cursor. Give the last one as `after`, on whichever socket of the deployment, and the subscription
goes on behind it, without a gap or a repeat. A socket carries up to {MOST_OPERATIONS} subscriptions. What is said
wrong is answered by an `error`, and the socket stays. Pass over members and events that you do not know.
"""
_HEADERS = {
    "type": "object",
    "properties": {
        "X-API-Key": {"type": "string", "description": "A key, in place of the message `auth`."},
        "Authorization": {"type": "string", "description": "`Bearer` and a token, in place of the message `auth`."},
        "Sec-WebSocket-Protocol": {"type": "string", "description": f"`{PROTOCOL}`, or absent."},
    },
}
_SECURITY = {
    "apiKey": {"type": "httpApiKey", "name": "X-API-Key", "in": "header", "description": "Or `apiKey` of `auth`."},
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Or `token` of `auth`."},
}


def asyncapi_routes(url: str) -> list[Route]:
    """The document, for the server that the outside reaches at this address."""
    text = asyncapi_text(url)

    async def asyncapi(_: Request) -> Response:
        return Response(text, headers={"Content-Type": MEDIA_TYPE})

    return [Route("/asyncapi.yaml", asyncapi)]


def asyncapi_text(url: str = EXAMPLE_URL) -> str:
    return as_yaml(asyncapi_document(url))


def asyncapi_document(url: str = EXAMPLE_URL) -> dict[str, Any]:
    messages = {**SAID, **TOLD}
    return {
        "asyncapi": ASYNCAPI,
        "info": {"title": "Easel streams", "version": _VERSION, "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {"here": _server(url)},
        "channels": {"streams": _channel(messages)},
        "operations": {**{name: _asked(name, one) for name, one in SAID.items()}, "tell": _telling()},
        "components": {
            "messages": {name: _message(name, one) for name, one in messages.items()},
            "securitySchemes": _SECURITY,
        },
        "x-close-codes": {str(int(code)): meaning for code, meaning in CLOSES.items()},
    }


def _server(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    path = {"pathname": parts.path} if parts.path else {}
    security = [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY]
    return {"host": parts.netloc, **path, "protocol": "wss" if parts.scheme == "https" else "ws", "security": security}


def _channel(messages: Iterable[str]) -> dict[str, Any]:
    return {
        "address": "/v1/streams",
        "description": "One socket, both ways.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", "headers": _HEADERS, "bindingVersion": "0.1.0"}},
    }


def _asked(name: str, message: Message) -> dict[str, Any]:
    """What the server hears, and what it answers."""
    found = {"action": "receive", "summary": message.summary, **_on_channel([name])}
    return {**found, "reply": _on_channel(message.answers)} if message.answers else found


def _telling() -> dict[str, Any]:
    events = [name for name, one in TOLD.items() if "event" in one.schema["properties"]]
    summary = "What happens, to whoever subscribes; and what could not be done."
    return {"action": "send", "summary": summary, **_on_channel([*events, "error"])}


def _on_channel(names: Iterable[str]) -> dict[str, Any]:
    return {"channel": {"$ref": _CHANNEL}, "messages": [{"$ref": f"{_CHANNEL}/messages/{name}"} for name in names]}


def _message(name: str, one: Message) -> dict[str, Any]:
    return {
        "name": name,
        "summary": one.summary,
        "payload": one.schema,
        "examples": [{"name": name, "payload": one.example}],
    }
