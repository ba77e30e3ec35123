"""What a caller asks, and what comes of it: the words between the protocols and GraphQL."""

from dataclasses import dataclass
from typing import Any, Protocol

from domain.errors import DomainError
from domain.ids import Id
from domain.permissions import Actor
from streams.topics.topic import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, in which trace, from where; on which socket, if on one."""

    actor: Actor
    trace_id: str
    address: str | None
    connection_id: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An operation; one that `changes_nothing` may be no mutation."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    changes_nothing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The bytes of a result; `errors` alone where nothing was executed."""

    payload: bytes = b""
    errors: bytes | None = None


class Operations(Protocol):
    async def begin(self, asked: Asked, caller: Caller) -> Answer | Subscription:
        """
        Execute a query or mutation; find out what a subscription is to bring.

        Raises METHOD_NOT_ALLOWED for a mutation where nothing may be changed.
        """

    def refusal(self, error: DomainError, trace_id: str) -> bytes:
        """The errors that tell of this one."""
