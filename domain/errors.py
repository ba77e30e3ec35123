"""Every error Easel can answer with: one row per code, read by GraphQL, REST and streams alike."""

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    CONFLICT = "CONFLICT"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    INSUFFICIENT_CREDITS = "INSUFFICIENT_CREDITS"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    PRECONDITION_FAILED = "PRECONDITION_FAILED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PROVIDER_FAILED = "PROVIDER_FAILED"
    PROVIDER_TIMEOUT = "PROVIDER_TIMEOUT"
    PROVIDER_REFUSED = "PROVIDER_REFUSED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    STEP_REJECTED = "STEP_REJECTED"
    ORG_NOT_FOUND = "ORG_NOT_FOUND"
    PROJECT_NOT_FOUND = "PROJECT_NOT_FOUND"
    WORKFLOW_NOT_FOUND = "WORKFLOW_NOT_FOUND"
    ASSET_NOT_FOUND = "ASSET_NOT_FOUND"
    RUN_NOT_FOUND = "RUN_NOT_FOUND"
    GENERATION_NOT_FOUND = "GENERATION_NOT_FOUND"
    FLOW_NOT_FOUND = "FLOW_NOT_FOUND"
    IMAGE_NOT_FOUND = "IMAGE_NOT_FOUND"
    BATCH_NOT_FOUND = "BATCH_NOT_FOUND"
    SHOT_NOT_FOUND = "SHOT_NOT_FOUND"
    ALIAS_CONFLICT = "ALIAS_CONFLICT"
    ALIAS_NOT_FOUND = "ALIAS_NOT_FOUND"
    ALIAS_INVALID = "ALIAS_INVALID"
    ALIAS_RESERVED = "ALIAS_RESERVED"
    SCOPE_INVALID_FORMAT = "SCOPE_INVALID_FORMAT"
    SCOPE_ALREADY_EXISTS = "SCOPE_ALREADY_EXISTS"
    SCOPE_NOT_FOUND = "SCOPE_NOT_FOUND"
    SCOPE_CREATION_DISABLED = "SCOPE_CREATION_DISABLED"
    SCOPE_GENERATION_LIMIT_EXCEEDED = "SCOPE_GENERATION_LIMIT_EXCEEDED"
    IMAGE_NOT_IN_SCOPE = "IMAGE_NOT_IN_SCOPE"
    IP_RATE_LIMIT_EXCEEDED = "IP_RATE_LIMIT_EXCEEDED"
    WORKFLOW_INVALID = "WORKFLOW_INVALID"
    NOMENCLATURE_INVALID = "NOMENCLATURE_INVALID"
    STEP_NOT_WAITING = "STEP_NOT_WAITING"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"


# HTTP status of each code that is not a plain 400 (most are the caller's to mend).
_STATUS: dict[ErrorCode, int] = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.CONFLICT: 409,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.QUOTA_EXCEEDED: 429,
    ErrorCode.INSUFFICIENT_CREDITS: 402,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.INTERNAL: 500,
    ErrorCode.PROVIDER_FAILED: 502,
    ErrorCode.PROVIDER_TIMEOUT: 504,
    ErrorCode.DEADLINE_EXCEEDED: 504,
    ErrorCode.OUTCOME_UNKNOWN: 502,
    ErrorCode.ALIAS_CONFLICT: 409,
    ErrorCode.SCOPE_ALREADY_EXISTS: 409,
    ErrorCode.SCOPE_CREATION_DISABLED: 403,
    ErrorCode.SCOPE_GENERATION_LIMIT_EXCEEDED: 429,
    ErrorCode.IP_RATE_LIMIT_EXCEEDED: 429,
    ErrorCode.STEP_NOT_WAITING: 409,
    ErrorCode.CURSOR_EXPIRED: 410,
}

HTTP_STATUS: dict[ErrorCode, int] = {
    code: _STATUS.get(code, 404 if code.endswith("NOT_FOUND") else 400) for code in ErrorCode
}


class DomainError(Exception):
    """An expected failure: a code, a sentence for the caller, and what else helps them (`field`, `retryAfter`, …)."""

    def __init__(self, code: ErrorCode, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    @property
    def extensions(self) -> dict[str, Any]:
        """What graphql-core copies into the error it answers with."""
        return {"code": str(self.code), **self.details}

    @property
    def http_status(self) -> int:
        return HTTP_STATUS[self.code]


class Contended(DomainError):
    """Two who change the same waited for each other, and this one had to give way: nothing is changed."""

    def __init__(self) -> None:
        message = "Others are just changing the same things: try again shortly"
        super().__init__(ErrorCode.UNAVAILABLE, message, retryAfter=1)


class InvalidInput(DomainError, ValueError):
    """A value the caller must mend; a ValueError, so that decoders report it as their own."""

    def __init__(self, message: str, *, field: str | None = None, **details: Any) -> None:
        named = {"field": field} if field else {}
        super().__init__(ErrorCode.VALIDATION_ERROR, message, **named, **details)
