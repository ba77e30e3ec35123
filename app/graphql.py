"""GraphQL over HTTP and WebSocket: Strawberry's view, with our identity, encoding and manners."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from app.forms import FORM_BOUNDS, WHAT_TO_SEND, is_upload, operation_in
from domain.errors import HTTP_STATUS, DomainError, ErrorCode
from gateway.forms import form_of
from gateway.identity import Identity
from gateway.metering import address_of
from resolvers.context import Context
from resolvers.studio import Studio
from schema import schema
from schema.studio import ONLY_BY_POST

GRAPHQL_RESPONSE = "application/graphql-response+json"
_NOT_NOW = {ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE}


class StudioGraphQL(GraphQL[Context, None]):
    """GraphQL by POST and GET; what answers more than once is for `/v1/streams`."""

    def __init__(self, studio: Studio, identity: Identity) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(),
            multipart_uploads_enabled=True,
        )
        self._studio = studio
        self.identity = identity

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        actor = await self.identity.of_request(request)
        return Context(self._studio, actor, request.scope["state"]["trace_id"], address_of(request.scope))

    async def run(self, request: Any, *arguments: Any, **named: Any) -> Any:
        try:
            async with AsyncExitStack() as stack:
                request.scope["state"]["stack"] = stack
                return await super().run(request, *arguments, **named)
        except HTTPException as error:
            return self._refusal(request.scope, _told_plainly(error))
        except DomainError as error:
            return self._refusal(request.scope, error)

    def _refusal(self, scope: Any, error: DomainError) -> Response:
        told = {"message": error.message, "extensions": {**error.extensions, "traceId": scope["state"]["trace_id"]}}
        return Response(
            msgspec.json.encode({"errors": [told]}),
            error.http_status,
            _headers_of(error.code, error.details),
            media_type=GRAPHQL_RESPONSE if _wants_graphql_response(scope) else "application/json",
        )

    def should_render_graphql_ide(self, request: Any) -> bool:
        return False

    async def parse_http_body(self, request: Any) -> Any:
        content_type = request.content_type or ""
        if request.method != "GET" and not _is_json(content_type) and not is_upload(content_type, request.headers):
            raise HTTPException(415, WHAT_TO_SEND)
        try:
            return await super().parse_http_body(request)
        except DomainError:
            raise
        except (AttributeError, TypeError, ValueError, RecursionError) as error:
            raise HTTPException(400, "The request must be a JSON object with a `query`") from error

    async def parse_multipart(self, request: Any) -> Any:
        """A form as the GraphQL multipart request specification has it, whose files last until the answer is made."""
        stack: AsyncExitStack = request._request.scope["state"]["stack"]  # noqa: SLF001 - no other way to the request
        form = await stack.enter_async_context(form_of(request._request, **FORM_BOUNDS))  # noqa: SLF001
        return operation_in(form)

    async def process_result(self, request: Request, result: Any) -> GraphQLHTTPResponse:
        answer = await super().process_result(request, result)
        if result.data is None and _wants_graphql_response(request.scope) and not _was_executed(result):
            answer.pop("data", None)  # the specification wants none where nothing was executed
        return answer

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        response = super().create_response(response_data, sub_response)
        if sub_response.headers.get("x-graphql-response"):
            response.headers["content-type"] = f"{GRAPHQL_RESPONSE}; charset=utf-8"
            del response.headers["x-graphql-response"]
            if isinstance(response_data, dict) and "data" not in response_data:
                response.status_code = HTTP_STATUS[ErrorCode.GRAPHQL_VALIDATION_FAILED]
        if refusal := _refusal_in(response_data):
            response.status_code = HTTP_STATUS[refusal["code"]]
            response.headers.update(_headers_of(refusal["code"], refusal))
        return response

    async def get_sub_response(self, request: Request) -> Response:  # type: ignore[override]
        response = await super().get_sub_response(request)
        if _wants_graphql_response(request.scope):
            response.headers["x-graphql-response"] = "1"
        return response

    def encode_json(self, data: object) -> str:
        return msgspec.json.encode(data).decode()

    def decode_json(self, data: str | bytes) -> Any:
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _was_executed(result: Any) -> bool:
    return any(error.path for error in result.errors or ())


def _wants_graphql_response(scope: Any) -> bool:
    accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    return GRAPHQL_RESPONSE in accept


def _refusal_in(answer: Any) -> Mapping[str, Any] | None:
    """What the answer's error says, where the limits let nothing be executed."""
    errors = answer.get("errors")
    if not errors or answer.get("data") is not None or "path" in errors[0]:
        return None
    found: Mapping[str, Any] = errors[0]["extensions"]
    return found if found["code"] in _NOT_NOW else None


def _headers_of(code: ErrorCode, details: Mapping[str, Any]) -> dict[str, str]:
    headers = {"Retry-After": str(details["retryAfter"])} if "retryAfter" in details else {}
    return {**headers, "Allow": "POST"} if code is ErrorCode.METHOD_NOT_ALLOWED else headers


def _told_plainly(error: HTTPException) -> DomainError:
    cause = error.__cause__
    if isinstance(cause, InvalidOperationTypeError) and cause.operation_type is OperationType.MUTATION:
        return DomainError(ErrorCode.METHOD_NOT_ALLOWED, ONLY_BY_POST)
    return DomainError(_code_of(error.status_code), error.reason)


def _code_of(status: int) -> ErrorCode:
    known = {405: ErrorCode.METHOD_NOT_ALLOWED, 415: ErrorCode.UNSUPPORTED_MEDIA_TYPE}
    return known.get(status, ErrorCode.GRAPHQL_PARSE_FAILED)
