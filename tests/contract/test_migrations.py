"""The migrations make just the tables that the code reads and writes."""

from alembic import command
from sqlalchemy import Connection

from storage.migrate import configuration
from storage.pool import create_engine


async def test_a_migrated_database_has_just_the_tables_of_the_code(database_url: str) -> None:
    """`alembic check` raises with the differences."""
    engine = create_engine(database_url, connections=2)
    async with engine.connect() as connection:
        await connection.run_sync(_check)
    await engine.dispose()


def _check(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.check(config)
