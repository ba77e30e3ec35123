"""What the real server does with a request before any route sees it: Origin, size, 500, 405; and cut connections."""

import socket
import struct
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.servers.comfyui_files import CutError
from tests.servers.comfyui_prompts import LostAnswerError, ScriptError
from tests.servers.comfyui_state import ComfyState

LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
INTERNAL_ERROR = "500 Internal Server Error\n\nServer got itself in trouble"
READS = {"GET", "HEAD"}
# On close: no FIN, no waiting, a reset.
_RESET = struct.pack("ii", 1, 0)


class TooLargeError(Exception):
    """The body is over the limit."""


def with_transport(app: ASGIApp) -> ASGIApp:
    """ASGI hides the connection; uvicorn's `send` belongs to the object that holds it."""

    async def with_it(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope["transport"] = send.__self__.transport  # type: ignore[attr-defined]
        await app(scope, receive, send)

    return with_it


class Gate:
    """Inside Starlette's own answer to errors, which is another than this server's."""

    def __init__(self, app: ASGIApp, state: ComfyState) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["path"].startswith("/control/"):
            await self.app(scope, receive, send)
        elif self.state.orders.refusals > 0:
            self.state.orders.refusals -= 1
            _reset(scope)
        else:
            await self._http(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_foreign(dict(scope["headers"])):
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_foreign(dict(scope["headers"])):
            await Response(status_code=403)(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(headers=self._cors())(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self.state.options.max_body_bytes
        try:
            await self.app(scope, _limited(scope, receive, limit), self._with_cors(send))
        except TooLargeError:
            await _drain(receive)
            told = f"Maximum request body size {limit} exceeded."
            await PlainTextResponse(told, 413, {"Connection": "close"})(scope, receive, send)
        except LostAnswerError:
            _reset(scope)
        except CutError:
            scope["transport"].close()
        except ScriptError as error:
            await PlainTextResponse(str(error), 500, {"Connection": "close"})(scope, receive, send)
        except Exception:  # noqa: BLE001 - as the real one, whatever it was
            await PlainTextResponse(INTERNAL_ERROR, 500, {"Connection": "close"})(scope, receive, send)

    def _is_foreign(self, headers: dict[bytes, bytes]) -> bool:
        if self.state.options.allows_any_origin:
            return False
        if headers.get(b"sec-fetch-site") == b"cross-site" and self.state.options.is_at_least(0, 26):
            return True
        host, origin = headers.get(b"host", b"").decode(), headers.get(b"origin", b"null").decode()
        return host.rpartition(":")[0] in LOOPBACK and origin != "null" and origin.partition("://")[2] != host

    def _cors(self) -> dict[str, str]:
        if not self.state.options.allows_any_origin:
            return {}
        return {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "POST, GET, DELETE, PUT, OPTIONS, PATCH",
            "Access-Control-Allow-Headers": "Content-Type, Authorization",
            "Access-Control-Allow-Credentials": "true",
        }

    def _with_cors(self, send: Send) -> Send:
        added = [(name.lower().encode(), value.encode()) for name, value in self._cors().items()]

        async def with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        return with_cors


async def not_found(request: Request, error: Exception) -> Response:
    """A static file route answers every GET, so a path that takes no POST is no POST's."""
    assert isinstance(error, HTTPException)
    if request.method in READS:
        return Response(status_code=404, media_type="application/octet-stream")
    allow = "GET,HEAD" if error.status_code == 404 else "GET,HEAD,POST"
    return PlainTextResponse("405: Method Not Allowed", 405, {"Allow": allow})


def _limited(scope: Scope, receive: Receive, limit: float) -> Receive:
    announced = int(dict(scope["headers"]).get(b"content-length", b"0"))
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if max(announced, received) > limit:
            raise TooLargeError
        return message

    return limited


async def _drain(receive: Receive) -> None:
    """The real one may reset the connection while the caller still sends; here the answer always arrives."""
    while (await receive()).get("more_body"):
        pass


def _reset(scope: Scope) -> None:
    transport: Any = scope["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
