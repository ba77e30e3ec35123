"""Runs, worked off and repeated."""

from typing import Any

from sqlalchemy import text

from domain.run_commands import RetryRun
from domain.runs import Run
from tests.engine.crew import (
    a_worker,
    images_of,
    run_of,
    work_off,
)
from tests.studio import Tenant


async def retry(owner: Tenant, run: Run, **more: Any) -> Run:
    repeated: Run = await owner.do(RetryRun(id=run.id, **more))
    return repeated


async def worked_off(owner: Tenant, run: Run) -> Run:
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run)


async def hashes_of(owner: Tenant, run: Run) -> list[str]:
    return sorted(image.file_hash for image in await images_of(owner, run))


async def execute_sql(owner: Tenant, statement: str) -> None:
    async with owner.parts.engine.begin() as connection:
        await connection.execute(text(statement))
