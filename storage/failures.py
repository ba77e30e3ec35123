"""What PostgreSQL refuses, said in the domain's words."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from domain.errors import Contended, DomainError, ErrorCode, InvalidInput

RETRY_AFTER_SECONDS = 2

# Constraints that callers can run into: what they hear, and which field to mend.
_TAKEN: dict[str, tuple[ErrorCode, str, str]] = {
    "uq_projects_organization_id_slug": (ErrorCode.CONFLICT, "A project with this slug exists already", "slug"),
    "uq_organizations_slug": (ErrorCode.CONFLICT, "An organization with this slug exists already", "slug"),
    "uq_images_project_id_alias": (ErrorCode.ALIAS_CONFLICT, "Alias already exists", "alias"),
    "uq_live_scopes_project_id_slug": (ErrorCode.SCOPE_ALREADY_EXISTS, "Scope already exists", "slug"),
    "uq_shot_files_project_id_name": (ErrorCode.CONFLICT, "There is a file of this name already", "file"),
    "uq_shot_files_project_id_episode_sequence_plan_task_version": (
        ErrorCode.CONFLICT,
        "There is a file of this version already",
        "file",
    ),
    "uq_images_project_id_file_name": (ErrorCode.CONFLICT, "There is a file of this name already", "file"),
    "pk_flows": (ErrorCode.FLOW_NOT_FOUND, "There is no such flow: check its id", "flowId"),
}


@contextmanager
def spoken_plainly() -> Iterator[None]:
    """Turn the database's errors into ours; what is neither input nor outage goes on as it is."""
    try:
        yield
    except IntegrityError as error:
        raise _taken(error) from error
    except DBAPIError as error:
        if _cause_is(error, asyncpg.TransactionRollbackError):
            raise Contended from error
        if error.connection_invalidated or _is_outage(error):
            raise unavailable() from error
        if _cause_is(error, asyncpg.DataError, UnicodeError):
            raise _out_of_range() from error
        raise
    except StatementError as error:
        if isinstance(error.orig, UnicodeError):  # lone surrogates in JSON
            raise _out_of_range() from error
        raise
    except UnicodeError as error:
        raise _out_of_range() from error
    except (OSError, PoolTimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise unavailable() from error


def unavailable() -> DomainError:
    message = "The database is away for the moment: try again shortly"
    return DomainError(ErrorCode.UNAVAILABLE, message, retryAfter=RETRY_AFTER_SECONDS)


def _out_of_range() -> InvalidInput:
    return InvalidInput("A value is out of the range that can be kept")


def _taken(error: IntegrityError) -> Exception:
    constraint = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
    if constraint not in _TAKEN:
        return error
    code, message, field = _TAKEN[constraint]
    return DomainError(code, message, field=field)


def _is_outage(error: DBAPIError) -> bool:
    return _cause_is(
        error,
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
    )


def _cause_is(error: DBAPIError, *kinds: type[BaseException]) -> bool:
    cause = getattr(error.orig, "__cause__", None) or error.orig
    return isinstance(cause, kinds)
