"""What the tests of live delivery follow with, and how they make something happen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from app.parts import Parts
from domain.ids import Id
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.workflows import Workflow
from streams.deliveries import Audience, Delivery
from tests.studio import Tenant


async def until(condition: Callable[[], bool]) -> None:
    """For what cannot be awaited."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def canceled_run(one: Tenant, workflow: Workflow | None = None) -> Run:
    """A run that was started and stopped with no worker about: seven events in two commits."""
    found = workflow or (await one.parts.studio.reads.many(Workflow, one.actor, project_id=one.project_id))[0]
    run: Run = await one.do(StartRun(workflow_id=found.id, inputs={"prompt": "x"}))
    await one.do(CancelRun(id=run.id))
    return run


EVENTS_OF_A_CANCELED_RUN = ["run.updated", *["step.updated"] * 4, "run.updated", "run.canceled"]


@dataclass
class Listener:
    """Somebody who follows; what they got so far."""

    got: list[Delivery] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        self._more.set()

    async def has(self, count: int) -> list[Delivery]:
        async with asyncio.timeout(15):
            while len(self.got) < count:
                self._more.clear()
                await self._more.wait()
        return self.got

    @property
    def events(self) -> list[str]:
        return [delivery.event for delivery in self.got]


@asynccontextmanager
async def following(parts: Parts, audience: Audience, after: str | None = None) -> AsyncIterator[Listener]:
    """Follows from the cursor on; without one, from the beginning of history."""
    listener = Listener()
    start = parts.studio.deliveries._cursors.write(dict.fromkeys(audience, 0)) if after is None else after

    async def listen() -> None:
        async with aclosing(parts.studio.deliveries.follow(audience, start)) as deliveries:  # type: ignore[type-var]
            async for delivery in deliveries:
                listener.take(delivery)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listen())
        yield listener
        task.cancel()


async def after_each(parts: Parts, project_id: Id, cursors: list[str], count: int) -> list[list[Delivery]]:
    """What is delivered after each of the cursors, until there are `count` events in all."""
    found = []
    for place, cursor in enumerate(cursors, 1):
        async with following(parts, {project_id: None}, cursor) as listener:
            found.append(list(await listener.has(count - place)) if count > place else [])
    return found
