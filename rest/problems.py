"""Errors over HTTP as RFC 9457 has them."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from domain.errors import DomainError

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
    headers = {"Retry-After": str(error.details["retryAfter"])} if "retryAfter" in error.details else None
    return Response(msgspec.json.encode(told), error.http_status, headers, media_type=PROBLEM)
