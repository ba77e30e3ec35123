"""The schema as it answers: parsed documents kept, operations bounded, every error with its code and trace."""

from typing import Any

import strawberry
import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.types import ExecutionContext

from domain.errors import DomainError, ErrorCode
from schema.limits import MOST_TOKENS, OperationSize

DOCUMENTS_KEPT = 500

log = structlog.get_logger(__name__)


def _limit_tokens() -> SchemaExtension:
    return MaxTokensLimiter(max_token_count=MOST_TOKENS)


def _keep_parsed() -> SchemaExtension:
    return ParserCache(maxsize=DOCUMENTS_KEPT)


def _limit_size() -> SchemaExtension:
    return AddValidationRules([OperationSize])


def _keep_validated() -> SchemaExtension:
    return ValidationCache(maxsize=DOCUMENTS_KEPT)


EXTENSIONS = [_limit_tokens, _keep_parsed, _limit_size, _keep_validated]


class StudioSchema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Give each error its code and trace; what was not expected is logged, and told without its details."""
        context = execution_context.context if execution_context else None
        trace_id = getattr(context, "trace_id", "")
        for error in errors:
            if "traceId" not in (error.extensions or {}):
                _complete(error, trace_id)


def _complete(error: GraphQLError, trace_id: str) -> None:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if cause is not None and not isinstance(cause, DomainError):
        log.error("unexpected failure", path=error.path, exc_info=cause)
        error.message = "Something went wrong on our side"
        error.extensions = {"code": ErrorCode.INTERNAL}
    error.extensions = {"code": _code(error), **_told(cause), **(error.extensions or {}), "traceId": trace_id}


def _code(error: GraphQLError) -> ErrorCode:
    if isinstance(error, GraphQLSyntaxError):
        return ErrorCode.GRAPHQL_PARSE_FAILED
    return ErrorCode.GRAPHQL_VALIDATION_FAILED if error.path is None else ErrorCode.VALIDATION_ERROR


def _told(cause: BaseException | None) -> dict[str, Any]:
    return cause.extensions if isinstance(cause, DomainError) else {}
