"""Errors over HTTP: as RFC 9457 has them for `/generate`, and as everywhere else."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from domain.errors import DomainError
from gateway.entrance import error_body

PROBLEM = "application/problem+json"


def problem(error: DomainError, trace_id: str) -> Response:
    """`{"type", "title", "status", "detail", "code", "field"?, "traceId"}`, and what else helps its caller."""
    told = {
        "type": "about:blank",
        "title": HTTPStatus(error.http_status).phrase,
        "status": error.http_status,
        "detail": error.message,
        "code": error.code,
        **error.details,
        "traceId": trace_id,
    }
    return Response(msgspec.json.encode(told), error.http_status, _headers(error), media_type=PROBLEM)


def refusal(error: DomainError, trace_id: str) -> Response:
    """`{"error": {"code", "message", "field"?, "traceId"}}`, and what else helps its caller."""
    body = error_body(error, trace_id)
    return Response(body, error.http_status, _headers(error), media_type="application/json")


def _headers(error: DomainError) -> dict[str, str] | None:
    return {"Retry-After": str(error.details["retryAfter"])} if "retryAfter" in error.details else None
