"""Optimistic concurrency: a change that names the version it was made for."""

from domain.errors import DomainError, ErrorCode


def require_version(current: int, expected: int | None) -> None:
    if expected is not None and expected != current:
        raise DomainError(
            ErrorCode.CONFLICT,
            f"This was changed meanwhile: it is at version {current}, not {expected}. Read it again, then repeat",
            currentVersion=current,
            field="expectedVersion",
        )
