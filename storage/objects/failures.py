"""The two ways in which a store does not give what was asked."""

from domain.errors import DomainError, ErrorCode

_RETRY_AFTER_SECONDS = 5


def not_found() -> DomainError:
    return DomainError(ErrorCode.NOT_FOUND, "There is no object at this key: it was never stored, or it was deleted.")


def unavailable(sentence: str) -> DomainError:
    """`sentence` says what is wrong with the store and what to do about it."""
    return DomainError(ErrorCode.UNAVAILABLE, sentence, retryAfter=_RETRY_AFTER_SECONDS)
