"""The reconciler: no step is left lying, whoever went away with it."""

import asyncio

import structlog

from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.execution import ExpireStep
from domain.permissions import engine_actor
from domain.ports import Begin, StepJob
from storage.leases import Leases

log = structlog.get_logger(__name__)


class Reconciler:
    """
    Every `every_seconds`: steps whose lease ended are taken back, steps that wait too long are queued once more.

    After a start and after an outage of the database it holds still for one lease, so that workers which live can
    renew theirs and record what they made meanwhile.
    """

    def __init__(self, begin: Begin, leases: Leases, *, lease_seconds: float, every_seconds: float = 1.0) -> None:
        self._begin = begin
        self._leases = leases
        self._lease_seconds = lease_seconds
        self._every_seconds = every_seconds

    async def run(self) -> None:
        pause_seconds = self._lease_seconds
        while True:
            await asyncio.sleep(pause_seconds)
            try:
                await self.reconcile()
                pause_seconds = self._every_seconds
            except DomainError as error:
                log.warning("steps could not be reconciled", error=error.message)
                pause_seconds = self._lease_seconds

    async def reconcile(self) -> None:
        for job in await self._leases.expired():
            await self._expire(job)
        await self._leases.requeue_stranded(self._lease_seconds)

    async def _expire(self, job: StepJob) -> None:
        command = ExpireStep(run_id=job.run_id, step_id=job.step_id, epoch=job.epoch)
        try:
            await execute(self._begin, engine_actor(job.organization_id), command)
            log.warning("a step was taken from a worker that went away", step_id=job.step_id)
        except DomainError as error:
            if error.code is not ErrorCode.CONFLICT:  # else somebody was faster
                raise
