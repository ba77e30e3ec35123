"""What a command was answered with, as it is kept for whoever repeats it."""

from dataclasses import dataclass
from typing import Any

from domain.errors import DomainError, ErrorCode


@dataclass(frozen=True, slots=True)
class Refusal:
    code: ErrorCode
    message: str
    details: dict[str, Any]

    @property
    def error(self) -> DomainError:
        return DomainError(self.code, self.message, **self.details)


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: str
