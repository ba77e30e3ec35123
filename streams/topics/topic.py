"""
Topics: one source of answers for all who ask the same and may read the same.

An event is executed and encoded once for a topic; each of its sinks costs a write of the same bytes.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from domain.errors import DomainError, ErrorCode
from domain.ids import Id

SINKS_AT_ONCE = 100  # are written to before others have their turn
MOST_COST_OF_CALLER = 20_000

log = structlog.get_logger(__name__)

Encode = Callable[[Any], Awaitable[bytes]]
"""Turns one value of a source into the bytes of an answer; what goes wrong in it is told in the answer."""


class Sink(Protocol):
    """Where the answers of one subscription go; `topic` is where they come from, for `Topics` to note."""

    topic: "Topic | None"

    def begin(self, cursor: str) -> None:
        """What is pushed comes after this cursor."""

    def push(self, payload: bytes, subject: Hashable) -> None:
        """Without waiting; a later answer about the same subject may replace one that still waits."""

    def finish(self, error: DomainError | None) -> None:
        """There is nothing more."""

    async def has_room(self) -> None:
        """Returns once answers are taken."""


class Source(ABC):
    """What a subscription is to bring: made by its resolver, once it is known that the caller may have it."""

    __slots__ = ()

    @property
    @abstractmethod
    def key(self) -> Hashable:
        """Equal for those that bring the same, wherever they begin."""

    @property
    @abstractmethod
    def project_id(self) -> Id | None:
        """The one project that all of it is about, if it is about one."""

    @abstractmethod
    def topic(self, encode: Encode) -> "Topic": ...

    async def __aiter__(self) -> AsyncIterator["Source"]:
        """GraphQL takes nothing but iterables from the resolver of a subscription: of this one comes itself."""
        yield self


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    A source and how its values are told; `key` is equal for those whose answers are the same bytes.

    `cost` is how many objects each answer can hold; `caller` pays for it, if nobody does so already.
    """

    key: Hashable
    source: Source
    encode: Encode
    caller: Hashable = None
    cost: int = 1


class Topic(ABC):
    """
    Answers for all who follow. `sinks` are those that have caught up; `join` brings another one there.

    `is_over` once nothing more comes of it.
    """

    def __init__(self, encode: Encode) -> None:
        self.key: Hashable = None
        self.encode = encode
        self.followers: set[Sink] = set()
        self.sinks: dict[Sink, int] = {}
        self.is_over = False
        self._written = 0

    @abstractmethod
    async def run(self) -> None:
        """Push answers to the sinks until the source ends."""

    @abstractmethod
    async def join(self, sink: Sink, source: Any) -> bool:
        """Bring a sink what it has missed, then everything. False where nothing more is to come."""

    async def written(self, sinks: int = 1) -> None:
        """Let others have their turn after so many writes, one after another or at once."""
        self._written += sinks
        if self._written >= SINKS_AT_ONCE:
            self._written = 0
            await asyncio.sleep(0)  # others have their turn

    def end(self) -> None:
        self.is_over = True

    def require_on(self) -> None:
        if self.is_over:
            raise DomainError(ErrorCode.UNAVAILABLE, "Nothing is told at the moment: subscribe again", retryAfter=1)


class Topics:
    """The topics that somebody in this process follows."""

    def __init__(self) -> None:
        self._open: dict[Hashable, tuple[Topic, asyncio.Task[None]]] = {}
        self._costs: Counter[Hashable] = Counter()  # of the open ones, by who pays

    async def follow(self, subscription: Subscription, sink: Sink) -> None:
        """Returns once the sink is served; it gets what comes until it leaves. Raises what the source refuses."""
        topic = self._topic(subscription)
        topic.followers.add(sink)
        sink.topic = topic
        served = False
        try:
            served = await topic.join(sink, subscription.source)
        finally:
            if not served:
                self.leave(sink)
        if not served:
            sink.finish(None)

    def leave(self, sink: Sink) -> None:
        """Nothing more goes to it. Again changes nothing."""
        topic, sink.topic = sink.topic, None
        if topic is None:
            return
        topic.followers.discard(sink)
        topic.sinks.pop(sink, None)
        found = self._open.get(topic.key)
        if found and found[0] is topic and not topic.followers:
            self._open.pop(topic.key)[1].cancel()

    def _topic(self, subscription: Subscription) -> Topic:
        if subscription.key not in self._open:
            topic = subscription.source.topic(subscription.encode)
            topic.key = subscription.key
            self._charge(subscription)
            running = asyncio.create_task(self._run(topic), name="topic")
            running.add_done_callback(lambda _: self._credit(subscription.caller, subscription.cost))
            self._open[subscription.key] = topic, running
        return self._open[subscription.key][0]

    def _charge(self, subscription: Subscription) -> None:
        """Each event is executed for each topic, so what one caller can have executed has a bound."""
        if self._costs[subscription.caller] + subscription.cost > MOST_COST_OF_CALLER:
            message = f"All you follow may hold {MOST_COST_OF_CALLER:,} objects at once: ask for less, or for the same"
            raise DomainError(ErrorCode.RATE_LIMITED, message)
        self._costs[subscription.caller] += subscription.cost

    def _credit(self, caller: Hashable, cost: int) -> None:
        self._costs[caller] -= cost
        if self._costs[caller] <= 0:
            del self._costs[caller]

    async def _run(self, topic: Topic) -> None:
        failure: DomainError | None = None
        try:
            await topic.run()
        except DomainError as error:
            failure = error
        except Exception:  # whatever it is, all who follow are told that it has ended
            log.exception("a topic failed")
            failure = DomainError(ErrorCode.INTERNAL, "Something went wrong on our side")
        if topic.key in self._open and self._open[topic.key][0] is topic:
            del self._open[topic.key]
        topic.end()
        for sink in list(topic.sinks):
            sink.finish(failure)
        topic.sinks.clear()
