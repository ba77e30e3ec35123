"""How the OpenAI-compatible test server answers: well, or badly in every way the real one and its gateways do."""

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

TOO_LARGE_BYTES = 128 * 1024 * 1024
DRIP_LIMIT_SECONDS = 60
GPT_IMAGE_SIZES = {"1024x1024", "1536x1024", "1024x1536", "auto"}
DALL_E_SIZES = {"1024x1024", "1792x1024", "1024x1792"}


@dataclass(slots=True)
class Call:
    """One request as it arrived, and the fields its answer depends on."""

    request: Request
    fields: dict[str, Any]
    files: list[dict[str, Any]]

    @property
    def is_chat(self) -> bool:
        return self.request.url.path.endswith("/chat/completions")

    @property
    def words(self) -> str:
        return str(self.fields.get("prompt") or self.fields.get("messages"))

    def record(self) -> dict[str, Any]:
        headers = self.request.headers
        return {
            "path": self.request.url.path,
            "client_port": self.request.client.port if self.request.client else None,
            "idempotency_key": headers.get("idempotency-key"),
            "trace_id": headers.get("x-trace-id"),
            "traceparent": headers.get("traceparent"),
            "authorized": headers.get("authorization", "").startswith("Bearer "),
            "fields": self.fields,
            "files": self.files,
        }


def refusal_of(call: Call) -> Response | None:
    """What the real API refuses before it works."""
    if not call.request.headers.get("authorization", "").startswith("Bearer "):
        return _error(call, 401, "invalid_api_key")
    if call.is_chat:
        return None if call.fields.get("messages") else _error(call, 400, "missing_required_parameter")
    model = str(call.fields.get("model"))
    sizes = DALL_E_SIZES if model == "dall-e-3" else GPT_IMAGE_SIZES
    if call.fields.get("size", "1024x1024") not in sizes or not 1 <= int(call.fields.get("n", 1)) <= 10:
        return _error(call, 400, "invalid_value")
    if model.startswith("gpt-image") and "response_format" in call.fields:
        return _error(call, 400, "unknown_parameter")
    if call.request.url.path.endswith("/edits") and not call.files:
        return _error(call, 400, "missing_required_parameter")
    return None


def _ok(call: Call) -> Response:
    if call.is_chat:
        return JSONResponse(_completion(f"Written from: {call.fields['messages'][-1]['content']}"))
    if str(call.fields["model"]).startswith("dall-e") and call.fields.get("response_format") != "b64_json":
        return _links(call)
    return _pictures(call, str(call.fields.get("size", "1024x1024")), int(call.fields.get("n", 1)))


def _pictures(call: Call, size: str, count: int) -> Response:
    width, height = (int(edge) for edge in size.replace("auto", "1024x1024").split("x"))
    encoded = [_picture(f"{call.words} {number}", width, height) for number in range(count)]
    return JSONResponse({"created": 0, "data": [{"b64_json": base64.b64encode(data).decode()} for data in encoded]})


def _picture(seed: str, width: int, height: int) -> bytes:
    red, green, blue = sha256(seed.encode()).digest()[:3]
    encoded = BytesIO()
    Image.new("RGB", (width, height), (red, green, blue)).save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def _fewer(call: Call) -> Response:
    return _pictures(call, str(call.fields["size"]), int(call.fields["n"]) - 1)


def _empty(call: Call) -> Response:
    return JSONResponse({"choices": []} if call.is_chat else {"created": 0, "data": []})


def _not_a_picture(call: Call) -> Response:
    return JSONResponse({"created": 0, "data": [{"b64_json": base64.b64encode(b"no picture").decode()}]})


def _links(call: Call) -> Response:
    return JSONResponse({"created": 0, "data": [{"url": "http://127.0.0.1:9/picture.png"}]})


def _policy(call: Call) -> Response:
    model = str(call.fields.get("model"))
    return _error(call, 400, "moderation_blocked" if model.startswith("gpt-image") else "content_policy_violation")


def _refused_text(call: Call) -> Response:
    return JSONResponse({"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]})


def _completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def _compressed(call: Call) -> Response:
    return Response(gzip.compress(bytes(_ok(call).body)), headers={"Content-Encoding": "gzip"})


def _too_large(call: Call) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"data": [{"b64_json": "'
        for _ in range(TOO_LARGE_BYTES // 65536):
            yield b"A" * 65536

    return StreamingResponse(body(), media_type="application/json")


def _drip(call: Call) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(DRIP_LIMIT_SECONDS * 20):
            yield b" "
            await asyncio.sleep(0.05)

    return StreamingResponse(body(), media_type="application/json")


async def _cut(call: Call) -> Response:
    await _close_connection(call.request)
    return Response()


def _cut_mid_body(call: Call) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"data": [{"b64_json": "'
        await _close_connection(call.request)

    return StreamingResponse(body(), media_type="application/json", headers={"Content-Length": "1000000"})


async def _close_connection(request: Request) -> None:
    transport: asyncio.Transport = request.scope["transport"]
    transport.close()
    await asyncio.sleep(0)  # lets uvicorn see it closed before an answer is returned


def _error(call: Call, status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    """The real API repeats what it was sent in some errors; this one always does, so that a leak shows."""
    message = f"{code}: {call.request.headers.get('authorization')} {call.words}"
    return JSONResponse({"error": {"message": message, "code": code, "param": None}}, status, headers)


def _busy(call: Call) -> Response:
    return _error(call, 429, "rate_limit_exceeded", {"Retry-After": "7"})


BEHAVIOURS: dict[str, Callable[[Call], Response | Awaitable[Response]]] = {
    "ok": _ok,
    "429": _busy,
    "429-quota": lambda call: _error(call, 429, "insufficient_quota"),
    "500": lambda call: _error(call, 500, "server_error"),
    "504": lambda call: _error(call, 504, "gateway_timeout"),
    "400": lambda call: _error(call, 400, "invalid_value"),
    "401": lambda call: _error(call, 401, "invalid_api_key"),
    "404": lambda call: _error(call, 404, "model_not_found"),
    "redirect": lambda call: Response(status_code=307, headers={"Location": str(call.request.url)}),
    "policy": _policy,
    "refusal": _refused_text,
    "cut": _cut,
    "cut-mid-body": _cut_mid_body,
    "not-json": lambda call: Response(f"{{{call.words}", media_type="application/json"),
    "html-200": lambda call: HTMLResponse(f"<html>{call.words}</html>"),
    "compressed": _compressed,
    "empty": _empty,
    "fewer": _fewer,
    "not-a-picture": _not_a_picture,
    "url": _links,
    "nul": lambda call: JSONResponse(_completion(f"{call.words}\x00")),
    "wrong-size": lambda call: _pictures(call, "640x600", int(call.fields.get("n", 1))),
    "too-large": _too_large,
    "drip": _drip,
}
