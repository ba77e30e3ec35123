"""A project in which much happens: events as commands record and announce them, without an engine that causes them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import Event
from domain.ids import Id, new_id
from storage.bus import create_bus
from storage.events import record
from storage.pool import create_engine
from streams.feeds.announcer import Announcer

EVENTS_AT_ONCE, RUNS, PADDING = 10, 5, "x" * 800


@dataclass(slots=True)
class Teller:
    """Each event says its `number`, counted from 1, and `at`, the time at which it was about to be recorded."""

    project_id: Id
    engine: AsyncEngine
    announcer: Announcer
    runs: list[Id]
    told: int = 0
    is_quiet: bool = False

    async def tell(self, count: int = EVENTS_AT_ONCE) -> None:
        """So many events in one transaction, of one run after the other."""
        made = [self._event(self.told + place, self.runs[place % RUNS]) for place in range(1, count + 1)]
        async with self.engine.begin() as connection:
            envelopes, _ = await record(connection, made, None, "0" * 32)
        self.told += count
        self.announcer.tell(envelopes)

    async def go_on(self, per_second: float) -> None:
        """Tell until it `is_quiet`, at this pace or as near to it as the database goes."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.is_quiet:
            await self.tell()
            due = max(due + EVENTS_AT_ONCE / per_second, loop.time() - 1)
            await asyncio.sleep(due - loop.time())  # so many a second

    def _event(self, number: int, run_id: Id) -> Event:
        return Event(
            event="run.updated",
            project_id=self.project_id,
            run_id=run_id,
            subject_type="Run",
            subject_id=run_id,
            version=number,
            payload={
                "id": run_id,
                "project": self.project_id,
                "number": number,
                "at": time.monotonic(),
                "padding": PADDING,
            },
        )


@asynccontextmanager
async def telling(project_id: str, database_url: str, redis_url: str | None = None) -> AsyncIterator[Teller]:
    engine = create_engine(database_url, connections=2)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        bus = await stack.enter_async_context(create_bus(redis_url=redis_url, database_url=database_url))
        announcer = Announcer(bus)
        running = asyncio.create_task(announcer.run())
        yield Teller(Id(project_id), engine, announcer, [new_id() for _ in range(RUNS)])
        running.cancel()
        await asyncio.wait({running})
