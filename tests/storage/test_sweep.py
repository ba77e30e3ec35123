"""What has served its time is removed, and nothing else."""

from sqlalchemy import text

from app.parts import Parts
from domain.projects import CreateProject
from storage.sweep import sweep
from tests.studio import tenant

OLD = "UPDATE {} SET {} = now() - interval '25 hours'"
COUNTS = "SELECT (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM pgqueuer_log)"


async def _counts(parts: Parts, *before: str) -> tuple[int, int]:
    async with parts.engine.begin() as connection:
        for statement in before:
            await connection.execute(text(statement))
        keys, jobs = (await connection.execute(text(COUNTS))).one()
        return keys, jobs


async def test_keys_and_job_logs_are_kept_for_a_day(parts: Parts) -> None:
    owner = await tenant(parts)
    await owner.do(CreateProject(name="Other", client_mutation_id="a-key-of-sixteen"))
    log_a_job = "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint) VALUES (1, 'queued', 0, 'step')"
    await _counts(parts, log_a_job)
    await sweep(parts.engine)
    assert await _counts(parts) == (1, 1)
    await _counts(parts, OLD.format("idempotency_keys", "created_at"), OLD.format("pgqueuer_log", "created"))
    await sweep(parts.engine)
    assert await _counts(parts) == (0, 0)
