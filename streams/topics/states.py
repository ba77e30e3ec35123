"""What is watched: as it is now, then at each change, until it is over."""

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from domain.errors import DomainError, ErrorCode
from domain.events import Event
from domain.ids import Id
from domain.permissions import Actor
from storage.reads import Reads
from streams.feeds.hub import RETRY_SECONDS, Hub
from streams.topics.topic import Encode, Sink, Source, Topic
from streams.whole import whole


class Watched(Protocol):
    """A run, or a generation."""

    id: Id
    project_id: Id
    version: int

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


@dataclass(frozen=True, slots=True)
class States(Source, Generic[Subject]):
    """The states of one subject, as a source of answers."""

    subject: Subject
    hub: Hub
    reads: Reads
    actor: Actor

    @property
    def key(self) -> Hashable:
        return type(self.subject), self.subject.id

    @property
    def project_id(self) -> Id:
        return self.subject.project_id

    def topic(self, encode: Encode) -> "StateTopic[Subject]":
        return StateTopic(self, encode)

    def all(self) -> AsyncGenerator[Subject, None]:
        return states_of(self.subject, self.hub, self.reads, self.actor)

    async def now(self) -> Subject:
        return await _again(self.subject, self.reads, self.actor)


class StateTopic(Topic, Generic[Subject]):
    """Who joins gets the state of that moment, and then none that is older. `sinks` have the version each was told."""

    def __init__(self, source: States[Subject], encode: Encode) -> None:
        super().__init__(encode)
        self._source = source
        self._told: tuple[Subject, bytes] | None = None

    async def run(self) -> None:
        async with aclosing(self._source.all()) as states:
            async for state in states:
                await self._tell(state)

    async def join(self, sink: Sink, source: States[Subject]) -> bool:
        before, state = self._told, await source.now()
        payload = await self.encode(state)
        if self._told and self._told is not before and self._told[0].version >= state.version:
            state, payload = self._told  # which was told meanwhile, and not to this one
        sink.push(payload, state.id)
        if not state.is_finished:
            self.require_on()
            self.sinks[sink] = state.version
        return not state.is_finished

    async def _tell(self, state: Subject) -> None:
        payload = await self.encode(state)
        self._told = state, payload
        for sink in list(self.sinks):
            if sink in self.sinks and self.sinks[sink] <= state.version:
                self.sinks[sink] = state.version
                sink.push(payload, state.id)
            await self.written()


async def _again(subject: Subject, reads: Reads, actor: Actor) -> Subject:
    """The subject as it is now; a database that is away is waited for."""
    while True:
        try:
            return await whole(reads.one(type(subject), actor, id=subject.id)) or subject
        except DomainError as error:
            if error.code is not ErrorCode.UNAVAILABLE:
                raise
            await asyncio.sleep(RETRY_SECONDS)


def _is_about(event: Event, subject: Watched) -> bool:
    return subject.id in (event.run_id, event.subject_id)
