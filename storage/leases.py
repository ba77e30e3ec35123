"""Leases on running steps: renewed by their workers, found by the reconciler when they are not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import RowMapping, TextClause, text
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


# A map that waits for its copies runs without a lease: whoever has just recorded so must not take it back by renewing.
_RENEW = text("""
    UPDATE steps SET lease_until = now() + make_interval(secs => :lease_seconds)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS integer[])) AS held(id, epoch), runs
    WHERE steps.id = held.id AND steps.epoch = held.epoch AND steps.status = 'RUNNING' AND lease_until IS NOT NULL
        AND runs.id = steps.run_id
    RETURNING steps.id, steps.epoch,
        runs.cancel_requested_at IS NOT NULL OR coalesce(runs.deadline < now(), false) AS stopped
""")

_EXPIRED = text("""
    SELECT organization_id, run_id, id AS step_id, epoch FROM steps
    WHERE status = 'RUNNING' AND lease_until < now() ORDER BY lease_until LIMIT :most
""")

_OVERDUE = text("""
    SELECT organization_id, run_id, id AS step_id, epoch FROM steps
    WHERE status = 'WAITING' AND due_at < now() ORDER BY due_at LIMIT :most
""")

_LATE = text("""
    SELECT organization_id, id AS run_id FROM runs
    WHERE finished_at IS NULL AND error IS NULL AND deadline < now() ORDER BY deadline LIMIT :most
""")

# Runs that were to stop and still have steps which nobody has ended.
_STOPPING = text("""
    SELECT organization_id, id AS run_id FROM runs
    WHERE finished_at IS NULL AND (cancel_requested_at IS NOT NULL OR error IS NOT NULL) AND EXISTS (
        SELECT FROM steps WHERE run_id = runs.id AND status IN ('PENDING', 'QUEUED', 'WAITING')
    ) LIMIT :most
""")

_LEFTOVERS = text("SELECT organization_id, id AS run_id FROM leftovers LIMIT :most")
# They count as waiting anew, so that a long queue is not put again and again.
_STRANDED = text("""
    UPDATE steps SET available_at = now()
    WHERE steps.id IN (
        SELECT id FROM steps
        WHERE status = 'QUEUED' AND available_at < now() - make_interval(secs => :waited_seconds)
        ORDER BY available_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING organization_id, run_id, id AS step_id, epoch,
        (SELECT trace_id FROM runs WHERE runs.id = steps.run_id) AS trace_id
""")


class Leases:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def renew(self, held: Iterable[Held], lease_seconds: float) -> dict[Held, bool]:
        """The claims that still hold, now for longer; True where the run is canceled or late."""
        claims = list(held)
        values = {
            "ids": [claim.step_id for claim in claims],
            "epochs": [claim.epoch for claim in claims],
            "lease_seconds": lease_seconds,
        }
        with spoken_plainly():
            async with self.engine.begin() as connection:
                rows = (await connection.execute(_RENEW, values)).all()
        return {Held(Id(str(row.id)), row.epoch): row.stopped for row in rows}

    async def expired(self) -> list[StepJob]:
        """Running steps whose worker has stopped renewing."""
        return [_job(row) for row in await self._found(_EXPIRED)]

    async def overdue(self) -> list[StepJob]:
        """Waiting steps that nobody has answered in time."""
        return [_job(row) for row in await self._found(_OVERDUE)]

    async def late(self) -> list[tuple[Id, Id]]:
        """Runs that are past their deadline, each with its organization before it."""
        return [_run(row) for row in await self._found(_LATE)]

    async def stopping(self) -> list[tuple[Id, Id]]:
        """Runs that were to stop and have open steps left, each with its organization before it."""
        return [_run(row) for row in await self._found(_STOPPING)]

    async def leftovers(self) -> list[tuple[Id, Id]]:
        """What is left of what was removed, each with its organization before it."""
        return [_run(row) for row in await self._found(_LEFTOVERS)]

    async def _found(self, query: TextClause) -> Sequence[RowMapping]:
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return (await connection.execute(query, {"most": MOST_AT_ONCE})).mappings().all()

    async def requeue_stranded(self, waited_seconds: float) -> int:
        """Put the jobs of steps that have waited long once more: a job that is there stays as it is."""
        with spoken_plainly():
            async with self.engine.begin() as connection:
                found = await connection.execute(_STRANDED, {"most": MOST_AT_ONCE, "waited_seconds": waited_seconds})
                jobs = [_job(row) for row in found.mappings()]
                if jobs:
                    await enqueue(connection, jobs)
        return len(jobs)


def _run(row: Mapping[Any, Any]) -> tuple[Id, Id]:
    return Id(str(row["organization_id"])), Id(str(row["run_id"]))


def _job(row: Mapping[Any, Any]) -> StepJob:
    return msgspec.convert(msgspec.to_builtins(dict(row)), StepJob)
