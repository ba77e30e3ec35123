"""The rows behind the job queue, looked at and tampered with."""

from sqlalchemy import text

from app.parts import Parts


async def job_keys(parts: Parts) -> list[str]:
    """Which steps, at which epoch, workers are called to."""
    async with parts.engine.connect() as connection:
        return [*(await connection.execute(text("SELECT dedupe_key FROM pgqueuer ORDER BY dedupe_key"))).scalars()]


async def delete_jobs(parts: Parts) -> None:
    async with parts.engine.begin() as connection:
        await connection.execute(text("DELETE FROM pgqueuer"))


async def make_older(parts: Parts, table: str, column: str, *, seconds: float) -> None:
    """As if so much time had passed."""
    async with parts.engine.begin() as connection:
        await connection.execute(
            text(f"UPDATE {table} SET {column} = {column} - make_interval(secs => :seconds)"),  # noqa: S608
            {"seconds": seconds},
        )
