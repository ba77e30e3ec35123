"""Column types: identifiers as text, JSON as the domain's own values."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import DateTime, Dialect, Enum, Numeric, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from domain.ids import NO_ID, Id, parse_id


class EntityId(TypeDecorator[Id]):
    """A UUID column read and written as text. A malformed id equals no row."""

    impl = Uuid(as_uuid=False)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else parse_id(value) or NO_ID

    def process_result_value(self, value: str | None, dialect: Dialect) -> Id | None:
        return None if value is None else Id(value)


class Json(TypeDecorator[Any]):
    """A JSONB column that holds values of `kind`: dataclasses, tuples of them, or plain JSON."""

    impl = JSONB
    cache_ok = True

    def __init__(self, kind: Any = Any) -> None:
        super().__init__(none_as_null=True)
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return msgspec.to_builtins(value, str_keys=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value if value is None or self.kind is Any else msgspec.convert(value, self.kind)


def choice(kind: type[StrEnum]) -> Enum:
    """A text column that holds one of the enum's values."""
    return Enum(kind, native_enum=False, length=32, create_constraint=False, values_callable=lambda e: [*map(str, e)])


MOMENT = DateTime(timezone=True)
CREDITS: Numeric[Decimal] = Numeric(20, 6)


def to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


from_json = msgspec.json.decode
