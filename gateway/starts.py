"""Requests that start work, counted for each project."""

from collections import OrderedDict

from domain.generations import Generation
from domain.ids import Id
from domain.live_scope_commands import MADE_AGAIN_AT_ONCE, RegenerateLiveScope
from domain.live_scopes import LiveScope
from domain.permissions import Actor
from gateway.metering import Meter
from storage.reads import READS, Reads

MOST_REMEMBERED = 10_000


class Starts:
    """Where a row belongs never changes, so it is looked up once."""

    def __init__(self, reads: Reads, meter: Meter) -> None:
        self._reads = reads
        self._meter = meter
        self._projects: OrderedDict[tuple[Id, Id], Id] = OrderedDict()

    async def count(self, actor: Actor, kind: type, id: Id, starts: int = 1) -> None:
        """Count starts in the project of this row. Raises RATE_LIMITED where it had its share of the minute."""
        known = (actor.organization_id, id)
        project_id = self._projects.get(known) or await self._reads.project_of(kind, actor, id)
        if project_id is None:
            return  # nothing starts where nothing is
        self._projects[known] = project_id
        if len(self._projects) > MOST_REMEMBERED:
            self._projects.popitem(last=False)
        await self._meter.start(actor, project_id, starts)

    async def count_again(self, actor: Actor, command: RegenerateLiveScope) -> None:
        """Count what the command makes again, each for itself."""
        starts = 1
        if command.image_id is None and actor.may(READS[Generation]):
            wanted = {"live_scope_id": command.id, "deleted_at": None}
            starts = (await self._reads.listed(Generation, actor, limit=1, offset=0, **wanted)).total
        # Of more than that nothing is begun.
        await self.count(actor, LiveScope, command.id, starts if 0 < starts <= MADE_AGAIN_AT_ONCE else 1)
