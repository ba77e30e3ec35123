"""Leases on running steps: renewed by their workers, found by the reconciler when they are not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ids import Id
from domain.ports import StepJob
from storage.failures import spoken_plainly
from storage.jobs import enqueue

MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Held:
    """A claimed step: the worker's claim holds while the row has this epoch."""

    step_id: Id
    epoch: int


_RENEW = text("""
    UPDATE steps SET lease_until = now() + make_interval(secs => :lease_seconds)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS integer[])) AS held(id, epoch), runs
    WHERE steps.id = held.id AND steps.epoch = held.epoch AND steps.status = 'RUNNING' AND runs.id = steps.run_id
    RETURNING steps.id, steps.epoch, runs.cancel_requested_at IS NOT NULL AS canceled
""")

_EXPIRED = text("""
    SELECT organization_id, run_id, id AS step_id, epoch FROM steps
    WHERE status = 'RUNNING' AND lease_until < now() ORDER BY lease_until LIMIT :most
""")

# They count as waiting anew, so that a long queue is not put again and again.
_STRANDED = text("""
    UPDATE steps SET available_at = now() FROM runs
    WHERE runs.id = steps.run_id AND steps.id IN (
        SELECT id FROM steps
        WHERE status = 'QUEUED' AND available_at < now() - make_interval(secs => :waited_seconds)
        ORDER BY available_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING steps.organization_id, run_id, steps.id AS step_id, epoch, priority
""")


class Leases:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def renew(self, held: Iterable[Held], lease_seconds: float) -> dict[Held, bool]:
        """The claims that still hold, now for longer; True where the run is to be canceled."""
        claims = list(held)
        values = {
            "ids": [claim.step_id for claim in claims],
            "epochs": [claim.epoch for claim in claims],
            "lease_seconds": lease_seconds,
        }
        with spoken_plainly():
            async with self.engine.begin() as connection:
                rows = (await connection.execute(_RENEW, values)).all()
        return {Held(Id(str(row.id)), row.epoch): row.canceled for row in rows}

    async def expired(self) -> list[StepJob]:
        """Running steps whose worker has stopped renewing."""
        with spoken_plainly():
            async with self.engine.connect() as connection:
                rows = (await connection.execute(_EXPIRED, {"most": MOST_AT_ONCE})).mappings().all()
        return [_job(row) for row in rows]

    async def requeue_stranded(self, waited_seconds: float) -> int:
        """Put the jobs of steps that have waited long once more: a job that is there stays as it is."""
        with spoken_plainly():
            async with self.engine.begin() as connection:
                found = await connection.execute(_STRANDED, {"most": MOST_AT_ONCE, "waited_seconds": waited_seconds})
                jobs = [_job(row) for row in found.mappings()]
                if jobs:
                    await enqueue(connection, jobs)
        return len(jobs)


def _job(row: Mapping[Any, Any]) -> StepJob:
    return msgspec.convert(msgspec.to_builtins(dict(row)), StepJob)
