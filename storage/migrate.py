"""Bringing a database to the schema this version needs."""

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.failures import spoken_plainly
from storage.pool import asyncpg_url

ROOT = Path(__file__).parent.parent
# Any number will do, as long as every process takes the same: only one may migrate at a time.
_LOCK = 3_275_901


def configuration() -> Config:
    return Config(ROOT / "alembic.ini")


async def migrate(engine: AsyncEngine) -> None:
    """Run the migrations that this database has not had; a process that comes meanwhile waits its turn."""
    with spoken_plainly():
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await _upgrade_job_queue(asyncpg_url(engine.url.render_as_string(hide_password=False)))
            await connection.commit()


async def _upgrade_job_queue(url: str) -> None:
    """The job queue keeps its own schema; the lock of `_upgrade` is still held."""
    connection = await asyncpg.connect(url)
    try:
        queries = Queries(AsyncpgDriver(connection))
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
    finally:
        await connection.close()


def _upgrade(connection: Connection) -> None:
    config = configuration()
    head = ScriptDirectory.from_config(config).get_current_head()
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if current_revision(connection) != head:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current_revision(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
