"""A worker's attempt at a step: what it does, how far it is, and why it may be stopped before it is done."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum

from domain.claiming import ClaimedStep
from domain.kinds.kind import Outcome
from storage.leases import Held


class Interruption(Enum):
    """Why an attempt is stopped before it is done."""

    STOPPED = "stopped"
    RELEASED = "released"
    LOST = "lost"
    TOO_LONG = "too long"


@dataclass(slots=True)
class Attempt:
    """One claimed step being done."""

    claim: ClaimedStep
    task: asyncio.Future[Outcome] = field(init=False)
    interruption: Interruption | None = None
    progress: float = 0.0
    reported: float = 0.0

    @property
    def held(self) -> Held:
        return Held(self.claim.step.id, self.claim.step.epoch)

    @property
    def has_news(self) -> bool:
        return self.progress > self.reported and not self.task.done()

    def report(self, progress: float) -> None:
        self.progress = max(self.progress, min(progress, 1.0))

    def interrupt(self, why: Interruption) -> None:
        if self.interruption is None and not self.task.done():
            self.interruption = why
            self.task.cancel()
