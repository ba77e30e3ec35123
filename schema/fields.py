"""How types say what they are: fields with a sentence, entities known by the domain's class behind them."""

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import strawberry
from graphql import GraphQLResolveInfo

Declared = TypeVar("Declared")


def said(description: str, resolver: Callable[..., Any] | None = None) -> Any:
    """A field: read off the object as it is, or answered by a resolver."""
    if resolver is None:
        return strawberry.field(description=description)
    return strawberry.field(resolver=resolver, description=description)


def watched(description: str, resolver: Callable[..., Any]) -> Any:
    """A field of Subscription: each value the resolver yields is one answer."""
    return strawberry.subscription(resolver=resolver, description=description)


@dataclass_transform()
def of(kind: type, name: str | None = None) -> Callable[[type[Declared]], type[Declared]]:
    """A type whose values are instances of this class of the domain."""

    def declare(cls: type[Declared]) -> type[Declared]:
        def is_type_of(value: object, _: GraphQLResolveInfo[Any]) -> bool:
            return isinstance(value, kind)

        cls.is_type_of = staticmethod(is_type_of)  # type: ignore[attr-defined]
        return strawberry.type(cls, name=name, description=" ".join((cls.__doc__ or "").split()))

    return declare
