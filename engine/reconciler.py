"""The reconciler: no step is left lying, whoever went away with it, and nothing waits beyond its time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from domain.clearing import ClearLeftover
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.interruptions import ExpireStep
from domain.permissions import engine_actor
from domain.ports import Begin, Command
from domain.run_commands import ExpireRun, WindDownRun
from domain.waiting import TimeOutStep
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
        answered = False
        while True:
            await asyncio.sleep(self._every_seconds)
            answered = await _survived(self.reconcile if answered else self._hold_still)

    async def _hold_still(self) -> None:
        """Raises while the database is away: only once it is back, workers can renew."""
        await self._leases.expired()
        await asyncio.sleep(self._lease_seconds)

    async def reconcile(self) -> None:
        for job in await self._leases.expired():
            command = ExpireStep(run_id=job.run_id, step_id=job.step_id, epoch=job.epoch)
            await self._settle(job.organization_id, command, "a step was taken from a worker that went away")
        for job in await self._leases.overdue():
            late = TimeOutStep(step_id=job.step_id)
            await self._settle(job.organization_id, late, "a question was not answered in time")
        for organization_id, run_id in await self._leases.late():
            await self._settle(organization_id, ExpireRun(id=run_id), "a run was late")
        for organization_id, run_id in await self._leases.stopping():
            while await self._settle(organization_id, WindDownRun(id=run_id)):
                pass  # part after part, until none is left
        for organization_id, id_ in await self._leases.leftovers():
            while await self._settle(organization_id, ClearLeftover(id=id_)):
                pass
        await self._leases.requeue_stranded(self._lease_seconds)

    async def _settle(self, organization_id: Id, command: Command[Any], told: str = "") -> Any:
        """What the command answers. One that cannot be settled must not keep all others waiting."""
        try:
            answer = await execute(self._begin, engine_actor(organization_id), command)
            if told:
                log.warning(told, command=repr(command))
        except DomainError as error:
            if error.code is ErrorCode.UNAVAILABLE:
                raise
            if error.code is not ErrorCode.CONFLICT:  # else somebody was faster
                log.warning("could not be settled", command=repr(command), error=error.message)
        except Exception:
            log.exception("could not be settled", command=repr(command))
        else:
            return answer
        return None


async def _survived(act: Callable[[], Awaitable[None]]) -> bool:
    try:
        await act()
    except DomainError as error:
        log.warning("steps could not be reconciled", error=error.message)
    except Exception:
        log.exception("steps could not be reconciled")
    else:
        return True
    return False
