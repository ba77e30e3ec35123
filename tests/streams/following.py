"""What the tests of live delivery follow with, and how they make something happen."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from app.parts import Parts
from domain.errors import DomainError
from domain.ids import Id
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.workflows import Workflow
from streams.feeds.deliveries import Delivery, Interest
from streams.topics.channels import Channels, Origins
from streams.topics.topic import Encode, Subscription, Topic, Topics
from tests.studio import Tenant


async def until(condition: Callable[[], bool]) -> None:
    """For what cannot be awaited."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)  # as said above


async def canceled_run(one: Tenant, workflow: Workflow | None = None) -> Run:
    """A run that was started and stopped with no worker about: seven events in two commits."""
    found = workflow or (await one.parts.studio.reads.many(Workflow, one.actor, project_id=one.project_id))[0]
    run: Run = await one.do(StartRun(workflow_id=found.id, inputs={"prompt": "x"}))
    await one.do(CancelRun(id=run.id))
    return run


EVENTS_OF_A_CANCELED_RUN = ["run.updated", *["step.updated"] * 4, "run.updated", "run.canceled"]


@dataclass(eq=False)
class Listener:
    """Somebody who follows: a sink of deliveries; what they got so far."""

    got: list[Delivery] = field(default_factory=list)
    topic: Topic | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, cursor: str) -> None:
        pass

    def push(self, payload: Any, subject: Hashable) -> None:
        self.got.append(payload)
        self._more.set()

    def finish(self, error: DomainError | None) -> None:
        if error:
            raise error

    async def has_room(self) -> None:
        pass

    async def has(self, count: int) -> list[Delivery]:
        async with asyncio.timeout(15):
            while len(self.got) < count:
                self._more.clear()
                await self._more.wait()
        return self.got

    @property
    def events(self) -> list[str]:
        return [delivery.event for delivery in self.got]


Audience = Mapping[Id, frozenset[Id] | None]
"""The projects followed; for each the runs that matter, or None for all of them."""
ALL_SUBJECTS = frozenset({"Run", "RunStep", "Generation", "Image"})


def channels_of(parts: Parts, audience: Audience, after: str | None, rooms: frozenset[Id] = frozenset()) -> Channels:
    studio = parts.studio
    return Channels(
        origins=Origins(studio.deliveries, studio.rooms, studio.announcements),
        interests={project_id: Interest(ALL_SUBJECTS, runs) for project_id, runs in audience.items()},
        rooms=rooms,
        asked=None if after is None else studio.cursors.read(after),
    )


@asynccontextmanager
async def following(parts: Parts, audience: Audience, after: str | None = None) -> AsyncIterator[Listener]:
    """Follows from the cursor on; without one, from the beginning of history."""
    start = parts.studio.cursors.write(dict.fromkeys(audience, 0)) if after is None else after
    async with listening(channels_of(parts, audience, start), Topics()) as listener:
        yield listener


@asynccontextmanager
async def listening(
    channels: Channels, topics: Topics, listener: Any = None, encode: Encode | None = None
) -> AsyncIterator[Any]:
    """Follows the channels, beside all others that follow the same."""
    listener = listener or Listener()
    subscription = Subscription(channels.key, channels, encode or _as_it_is)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(topics.follow(subscription, listener))
        try:
            yield listener
        finally:
            task.cancel()
            topics.leave(listener)


async def _as_it_is(delivery: Delivery) -> Any:
    """Where others have it encoded."""
    return delivery


async def after_each(parts: Parts, project_id: Id, cursors: list[str], count: int) -> list[list[Delivery]]:
    """What is delivered after each of the cursors, until there are `count` events in all."""
    found = []
    for place, cursor in enumerate(cursors, 1):
        async with following(parts, {project_id: None}, cursor) as listener:
            found.append(list(await listener.has(count - place)) if count > place else [])
    return found
