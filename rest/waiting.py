"""How long callers prefer to wait for what they began (RFC 7240), and the wait itself."""

import asyncio
import re
from dataclasses import dataclass

from starlette.requests import Request

from domain.permissions import Actor
from storage.reads import Reads
from streams.feeds.hub import Hub
from streams.topics.states import Subject, end_of

LONGEST_WAIT_SECONDS = 60

_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?(?=$|[,;\s])', re.IGNORECASE)
_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?=$|[,;\s])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patience:
    """So many seconds; `applied` is the preference they come from, if it was one."""

    seconds: int
    applied: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Preference-Applied": self.applied} if self.applied else {}


def patience_of(request: Request, *, otherwise_seconds: int = 0) -> Patience:
    """What `Prefer` says: `wait=SECONDS`, up to a minute, or `respond-async` to wait for nothing."""
    preferred = ", ".join(request.headers.getlist("prefer"))
    if found := _WAIT.search(preferred):
        seconds = min(int(found[1]), LONGEST_WAIT_SECONDS)
        return Patience(seconds, f"wait={seconds}" if seconds else None)
    return Patience(0, "respond-async") if _ASYNC.search(preferred) else Patience(otherwise_seconds)


@dataclass(frozen=True, slots=True)
class Waiting:
    reads: Reads
    hub: Hub
    stopping: asyncio.Event

    async def for_end(self, subject: Subject, actor: Actor, seconds: int) -> Subject:
        """It at its end, or as it is when there is no more time, or this server stops."""
        if subject.is_finished or not seconds:
            return subject
        ending = asyncio.ensure_future(end_of(subject, self.hub, self.reads, actor))
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({ending, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                return ending.result()
            return await self.reads.one(type(subject), actor, id=subject.id) or subject
        finally:
            ending.cancel()
            stopping.cancel()
