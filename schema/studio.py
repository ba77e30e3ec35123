"""The schema as it answers: parsed documents kept, operations bounded, every error with its code and trace."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import strawberry
import structlog
from graphql import (
    DocumentNode,
    Executor,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    create_source_event_stream,
    execute_subscription_event,
    get_operation_ast,
    validate,
)
from graphql import ExecutionResult as GraphQLResult
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType

from domain.errors import DomainError, ErrorCode
from domain.flags import Flag
from gateway.limits import LimitState
from schema.costs import Costs
from schema.limits import MOST_TOKENS, Measured, measure

DOCUMENTS_KEPT = 200
LONGEST_KEPT_CHARACTERS = 5_000  # so that what is kept has a bound: parsed, each takes some 100 bytes
_ASKS_OF_SCHEMA = re.compile(r"__(schema|type)\b")
_COSTS = Costs(DOCUMENTS_KEPT)
_MALFORMED = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)

ONLY_BY_POST = "A mutation changes something: send it by POST"

log = structlog.get_logger(__name__)


def _limit_tokens() -> SchemaExtension:
    return MaxTokensLimiter(max_token_count=MOST_TOKENS)


class _KeptParses(ParserCache):
    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if _is_kept(context):
            with suppress(GraphQLError):  # raised in here it would end a socket's operation without a word
                context.graphql_document = self.cached_parse_document(context.query, **context.parse_options)
        yield


def _keep_parsed() -> SchemaExtension:
    return _KeptParses(maxsize=DOCUMENTS_KEPT)


class _Budget(SchemaExtension):
    """
    What is too large, or costs more than is left, is refused before it is validated.

    Validation takes the square of a document's size, so whatever is to be validated is paid for. A subscription pays
    once, when it begins.
    """

    def __init__(self) -> None:
        self._cost: dict[str, int] = {}

    async def on_validate(self) -> AsyncIterator[None]:
        context = self.execution_context
        if context.graphql_document:
            measured = _measured(context, context.graphql_document)
            refused = measured.excesses or _not_named(context) or _not_to_tell(context)
            refused = refused or await self._spend(measured.cost)
            context.pre_execution_errors = refused or None
        yield

    async def _spend(self, cost: int) -> list[GraphQLError]:
        try:
            state: LimitState = await self.execution_context.context.spend(cost)
            self._cost = _told(cost, state)
            state.require()
        except DomainError as error:
            return [GraphQLError(error.message, original_error=error)]
        return []

    def get_results(self) -> dict[str, Any]:
        """With the first answer."""
        cost, self._cost = self._cost, {}
        return {"cost": cost} if cost else {}


def _measured(context: ExecutionContext, document: DocumentNode) -> Measured:
    name, variables = context.operation_name, context.variables or {}
    if context.query and _is_kept(context):
        return _COSTS.of(context.query, document, name, variables)
    return measure(document, get_operation_ast(document, name), variables)


class _KeptValidation(ValidationCache):
    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if context.pre_execution_errors or not _is_kept(context):
            yield
            return
        for step in super().on_validate():
            # The kept errors are everybody's: each request completes its own.
            context.pre_execution_errors = [_fresh(error) for error in context.pre_execution_errors or ()]
            yield step


def _is_kept(context: ExecutionContext) -> bool:
    return len(context.query or "") <= LONGEST_KEPT_CHARACTERS


def _fresh(error: GraphQLError) -> GraphQLError:
    return GraphQLError(error.message, error.nodes, original_error=error.original_error, extensions=error.extensions)


def _not_named(context: ExecutionContext) -> list[GraphQLError]:
    """Strawberry would run the first of several operations; the specification wants one named."""
    named = context._provided_operation_name is not None  # noqa: SLF001 - `operation_name` is the first one's own
    definitions = context.graphql_document.definitions if context.graphql_document else ()
    operations = [d for d in definitions if isinstance(d, OperationDefinitionNode)]
    return [] if named or len(operations) < 2 else [GraphQLError("Name one of the operations", operations)]


def _not_to_tell(context: ExecutionContext) -> list[GraphQLError]:
    """What asks for the schema where that is not shown; `__typename` always is."""
    document = context.graphql_document
    if document is None or not _ASKS_OF_SCHEMA.search(context.query or ""):
        return []
    if context.context.studio.flags.is_on(Flag.INTROSPECTION):
        return []
    schema = context.schema._schema  # noqa: SLF001 - strawberry offers no other way to the graphql-core schema
    found = validate(schema, document, [NoSchemaIntrospectionCustomRule], max_errors=1)
    message = "This server does not tell its schema: read it where you have the API's documentation from"
    return [GraphQLError(message, found[0].nodes, extensions={"code": ErrorCode.FORBIDDEN})] if found else []


def _keep_validated() -> SchemaExtension:
    return _KeptValidation(maxsize=DOCUMENTS_KEPT)


class _Subscribing(SchemaExtension):
    """Of a subscription nothing is executed here: its answer is where its events come from, and how they are told."""

    async def on_execute(self) -> AsyncIterator[None]:
        context = self.execution_context
        if context.operation_type is OperationType.SUBSCRIPTION and context.graphql_document:
            context.result = await _begun(context, context.graphql_document)
        yield


async def _begun(context: ExecutionContext, document: DocumentNode) -> GraphQLResult:
    executor = Executor.build(
        context.schema._schema,  # noqa: SLF001 - strawberry offers no other way to the graphql-core schema
        document,
        context_value=context.context,
        raw_variable_values=context.variables,
        operation_name=context.operation_name,
    )
    if not isinstance(executor, Executor):
        return GraphQLResult(errors=executor)
    cost = _measured(context, document).cost
    found = create_source_event_stream(executor)
    source = await found if isawaitable(found) else found
    return source if isinstance(source, GraphQLResult) else GraphQLResult({"begun": Begun(executor, source, cost)})


EXTENSIONS = [_limit_tokens, _keep_parsed, _Budget, _keep_validated, _Subscribing]


@dataclass(frozen=True, slots=True)
class Begun:
    """A subscription: what its resolver found, the executor that answers for each value of that, and at which cost."""

    executor: Executor[Any]
    source: Any
    cost: int


class StudioSchema(strawberry.Schema):
    async def execute(self, query: Any, **named: Any) -> ExecutionResult:  # type: ignore[override]
        """The answer to a query or mutation; what answers more than once is for `stream`."""
        allowed = set(named.pop("allowed_operation_types", None) or OperationType) - {OperationType.SUBSCRIPTION}
        return await super().execute(query, allowed_operation_types=allowed, **named)

    async def begin(
        self,
        query: str,
        variables: dict[str, Any] | None,
        context: Any,
        operation_name: str | None,
        allowed: set[OperationType],
    ) -> ExecutionResult | Begun:
        """
        As `execute`, for operations of all kinds: of a subscription comes what its answers are made of.

        Raises METHOD_NOT_ALLOWED for a mutation where none is allowed.
        """
        try:
            result = await super().execute(
                query,
                variable_values=variables,
                context_value=context,
                operation_name=operation_name,
                allowed_operation_types=allowed,
            )
        except InvalidOperationTypeError as error:
            raise DomainError(ErrorCode.METHOD_NOT_ALLOWED, ONLY_BY_POST) from error
        except _MALFORMED as error:
            refusal = GraphQLError(str(error), original_error=error)
            _complete(refusal, context.trace_id)
            return ExecutionResult(data=None, errors=[refusal])
        found: Begun | None = (result.data or {}).get("begun") if isinstance(result.data, dict) else None
        return found if isinstance(found, Begun) else result

    async def tell(self, executor: Executor[Any], value: Any, context: Any) -> GraphQLResult:
        """The answer of a subscription to one value of its source, as whoever the context stands for may see it."""
        one = executor.build_per_event_executor(value)
        one.context_value = context
        told = execute_subscription_event(one)
        result: GraphQLResult = await told if isawaitable(told) else told
        for error in result.errors or ():
            if "traceId" not in (error.extensions or {}):
                _complete(error, context.trace_id)
        return result

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
    if isinstance(cause, _MALFORMED):
        error.extensions = {"code": ErrorCode.GRAPHQL_PARSE_FAILED}
    elif cause is not None and _is_unreadable_value(error, cause):
        error.message = "A value in the document cannot be read"
    elif cause is not None and not isinstance(cause, DomainError):
        log.error("unexpected failure", path=error.path, exc_info=cause)
        error.message = "Something went wrong on our side"
        error.extensions = {"code": ErrorCode.INTERNAL}
    error.extensions = {"code": _code(error), **_details(cause), **(error.extensions or {}), "traceId": trace_id}


def _is_unreadable_value(error: GraphQLError, cause: BaseException) -> bool:
    """Whether a literal could not be converted, as whole numbers of more digits than Python takes."""
    return isinstance(cause, ValueError) and not isinstance(cause, DomainError) and bool(error.nodes) and not error.path


def _code(error: GraphQLError) -> ErrorCode:
    if isinstance(error, GraphQLSyntaxError):
        return ErrorCode.GRAPHQL_PARSE_FAILED
    return ErrorCode.GRAPHQL_VALIDATION_FAILED if error.path is None else ErrorCode.VALIDATION_ERROR


def _told(cost: int, state: LimitState) -> dict[str, int]:
    return {
        "requested": cost,
        "limit": state.limit.amount,
        "remaining": state.remaining,
        "resetSeconds": state.reset_seconds,
    }


def _details(cause: BaseException | None) -> dict[str, Any]:
    return cause.extensions if isinstance(cause, DomainError) else {}
