"""Scalars: how values of the domain are written on the wire."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.file_uploads import Upload
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.scalar import ScalarDefinition

from domain.ids import Id
from domain.plain import decimal_string, rfc3339


def _moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError("A DateTime is written as RFC 3339, for example 2026-01-31T12:00:00.000Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _amount(value: Any) -> Decimal:
    try:
        found = Decimal(value if isinstance(value, str) else "NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise GraphQLError('Credits are written as a decimal string, for example "0.042"')
    return found


def _as_it_is(value: Any) -> Any:
    return value


DateTime: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="A moment: RFC 3339, UTC, with milliseconds.",
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    serialize=rfc3339,
    parse_value=_moment,
)
Credits: ScalarDefinition = strawberry.scalar(
    name="Credits",
    description='An amount of credits: a decimal string with at most 6 fractional digits, as "0.042"; never a float.',
    serialize=decimal_string,
    parse_value=_amount,
)
Json: ScalarDefinition = strawberry.scalar(
    name="JSON",
    description="Any JSON value.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    serialize=_as_it_is,
    parse_value=_as_it_is,
)
File: ScalarDefinition = strawberry.scalar(
    name="Upload",
    description="A file: null here, and sent beside the operation by the GraphQL multipart request specification.",
    specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
    serialize=_as_it_is,
    parse_value=_as_it_is,
)

SCALARS: dict[object, ScalarDefinition] = {
    Id: DEFAULT_SCALAR_REGISTRY[strawberry.ID],
    datetime: DateTime,
    Decimal: Credits,
    Any: Json,
    Upload: File,
    dict[str, Any]: Json,
}
