"""The connection pool."""

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.columns import from_json, to_json

# A process that stands still within a transaction would keep its locks, and with them a whole project.
_FROZEN = {"idle_in_transaction_session_timeout": "10s"}


def create_engine(
    url: str, *, connections: int, wait_seconds: float = 10.0, command_seconds: float = 30.0, durable: bool = True
) -> AsyncEngine:
    """
    Up to `connections` to PostgreSQL at `postgresql+asyncpg://…`; who waits longer for one is told UNAVAILABLE.

    What is not `durable` does not wait for the disk, and may be forgotten when the database crashes.
    """
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=wait_seconds,
        hide_parameters=True,  # they hold prompts and hashes of secrets, and errors are logged
        json_serializer=to_json,
        json_deserializer=from_json,
        connect_args={
            "timeout": wait_seconds,
            "command_timeout": command_seconds,
            "server_settings": {**_FROZEN, **({} if durable else {"synchronous_commit": "off"})},
        },
    )


def asyncpg_url(url: str) -> str:
    """The same address for asyncpg itself."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def reading(engine: AsyncEngine) -> AsyncEngine:
    """The same connections for what reads with single statements: no transaction is begun and ended around each."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")
