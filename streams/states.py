"""What is watched: as it is now, then at each change, until it is over."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol, TypeVar

from domain.events import Event
from domain.ids import Id
from domain.permissions import Actor
from storage.reads import Reads
from streams.feeds import Hub


class Watched(Protocol):
    """A run, or a generation."""

    id: Id
    project_id: Id

    @property
    def is_finished(self) -> bool: ...


Subject = TypeVar("Subject", bound=Watched)


async def states_of(subject: Subject, hub: Hub, reads: Reads, actor: Actor) -> AsyncGenerator[Subject, None]:
    """It now, then at each change; states may be skipped, the last one never."""
    async with hub.follow([subject.project_id], {}) as follower:
        yield (subject := await _again(subject, reads, actor))
        batches = follower.batches()
        while not subject.is_finished:
            batch, history_is_gone = await anext(batches)
            if batch:
                follower.positions[subject.project_id] = batch[-1].seq
            if history_is_gone or any(_is_about(envelope.event, subject) for envelope in batch):
                yield (subject := await _again(subject, reads, actor))


async def end_of(subject: Subject, hub: Hub, reads: Reads, actor: Actor) -> Subject:
    """It once it is over."""
    async with aclosing(states_of(subject, hub, reads, actor)) as states:
        async for state in states:
            subject = state
    return subject


async def _again(subject: Subject, reads: Reads, actor: Actor) -> Subject:
    return await reads.one(type(subject), actor, id=subject.id) or subject


def _is_about(event: Event, subject: Watched) -> bool:
    return subject.id in (event.run_id, event.subject_id)
