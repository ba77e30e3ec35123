"""Whoever comes in the middle of it, wherever they stood: no gap, no repeat, and soon they stand with the others."""

import asyncio
import random
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from app.parts import Parts
from app.settings import Settings
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.run_commands import CancelRun, StartRun
from domain.workflows import Workflow
from streams.topics.topic import Subscription, Topic, Topics
from tests.api.talking import Talker, acknowledged
from tests.streams.following import Listener, canceled_run, channels_of, listening, until
from tests.studio import Client, Tenant, serving, tenant

RUNS, FOLLOWERS, SEEDS = 12, 40, range(3)
TIMES, EACH_TIME = 70, 3
WATCH = "subscription($id: ID!) { runUpdated(id: $id) { id status version } }"


def _went_on(parts: Parts, listener: Listener, start: Mapping[Id, int]) -> dict[Id, int]:
    """Where the listener stands, who has come there event by event: each is the next of one of the projects."""
    here = dict(start)
    for delivery in listener.got:
        there = parts.studio.cursors.read(delivery.cursor)
        (moved,) = [project_id for project_id in here if there[project_id] != here[project_id]]
        assert there == {**here, moved: here[moved] + 1}
        here = dict(there)
    return here


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("projects", [1, 3])
async def test_who_resumes_anywhere_while_events_pour_in_ends_in_the_one_topic(
    parts: Parts, seed: int, projects: int
) -> None:
    chance, topics = random.Random(seed), Topics()  # noqa: S311 - to be repeated
    all_ = [await tenant(parts, project=f"project-{place}") for place in range(projects)]
    audience = {one.project_id: None for one in all_}
    for one in all_:
        await canceled_run(one)
    async with AsyncExitStack() as stack:
        told = asyncio.create_task(_happen(all_, chance))
        followers = list[tuple[dict[Id, int], Listener]]()
        for _ in range(FOLLOWERS):
            await asyncio.sleep(chance.random() / 200)  # they come at any moment
            newest = await parts.studio.events.newest(audience)
            start = {project_id: chance.randint(0, seq) for project_id, seq in newest.items()}
            channels = channels_of(parts, audience, parts.studio.cursors.write(start))
            followers.append((start, await stack.enter_async_context(listening(channels, topics))))
        await told
        newest = await parts.studio.events.newest(audience)
        for start, listener in followers:
            await listener.has(sum(newest.values()) - sum(start.values()))
        await until(lambda: [len(topic.sinks) for topic, _ in topics._open.values()] == [FOLLOWERS])
        for one in all_:
            await canceled_run(one)
        for start, listener in followers:
            await listener.has(sum(newest.values()) - sum(start.values()) + 7 * projects)
    for start, listener in followers:
        assert _went_on(parts, listener, start) == {project_id: seq + 7 for project_id, seq in newest.items()}
    last = followers[0][1].got[-7 * projects :]
    assert all(listener.got[-7 * projects :] == last for _, listener in followers)


async def _happen(all_: list[Tenant], chance: random.Random) -> None:
    for _ in range(RUNS):
        await canceled_run(chance.choice(all_))
        await asyncio.sleep(chance.random() / 50)  # they end at any moment


@dataclass(eq=False)
class _Told:
    """A sink that keeps what it is told, and how it ended."""

    got: list[Any] = field(default_factory=list)
    ends: list[DomainError | None] = field(default_factory=list)
    topic: Topic | None = None

    def begin(self, cursor: str) -> None:
        pass

    def push(self, payload: Any, subject: Hashable) -> None:
        assert not self.ends
        self.got.append(payload)

    def finish(self, error: DomainError | None) -> None:
        self.ends.append(error)

    async def has_room(self) -> None:
        pass


async def test_a_topic_that_fails_ends_all_that_follow_it_and_who_comes_next_is_served(parts: Parts) -> None:
    one, topics, calls = await tenant(parts), Topics(), count(1)
    channels = channels_of(parts, {one.project_id: None}, None)

    async def encode(delivery: Any) -> Any:
        if delivery.event == "run.canceled" and next(calls) == 1:
            raise RuntimeError("It cannot be told")
        return delivery.event

    sinks = [_Told() for _ in range(3)]
    for sink in sinks:
        asyncio.create_task(topics.follow(Subscription("one", channels, encode), sink))  # noqa: RUF006 - of its sink
    await until(lambda: [len(topic.sinks) for topic, _ in topics._open.values()] == [3])
    await canceled_run(one)
    await until(lambda: all(sink.ends for sink in sinks))
    assert {sink.ends[0].code for sink in sinks if sink.ends[0]} == {ErrorCode.INTERNAL}
    assert not topics._open
    late = _Told()
    again = Subscription("one", channels, encode)
    following = asyncio.create_task(topics.follow(again, late))
    await until(lambda: [len(topic.sinks) for topic, _ in topics._open.values()] == [1])
    await canceled_run(one)
    await until(lambda: len(late.got) == 7)
    await following
    topics.leave(late)
    assert (late.ends, topics._open) == ([], {})
    assert [len(sink.ends) for sink in sinks] == [1, 1, 1]


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A server whose runs nobody works on."""
    async with serving(settings.model_copy(update={"workers": 0}), database_url) as opened:
        yield opened


async def test_who_comes_as_a_run_finishes_gets_its_last_state_and_then_the_end_whenever_it_was(client: Client) -> None:
    one, chance = await tenant(client.parts), random.Random(200)  # noqa: S311 - to be repeated
    workflow = (await one.parts.studio.reads.many(Workflow, one.actor, project_id=one.project_id))[0]
    async with acknowledged(client) as talker:
        for _ in range(TIMES):
            run = await one.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "x"}))
            canceling = asyncio.create_task(one.do(CancelRun(id=run.id)))
            for place in range(EACH_TIME):
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(canceling), chance.random() / 100)
                await talker.ask(str(place), WATCH, id=run.id)
            told = await _told_to_the_end(talker)
            await canceling
            assert [states[-1]["status"] for states in told.values()] == ["CANCELED"] * EACH_TIME
            versions = [[state["version"] for state in states] for states in told.values()]
            assert versions == [sorted(each) for each in versions]


async def _told_to_the_end(talker: Talker) -> dict[str, list[dict[str, Any]]]:
    """The states that each operation was told until it was completed, after which there is nothing."""
    told: dict[str, list[dict[str, Any]]] = {str(place): [] for place in range(EACH_TIME)}
    open_ = set(told)
    while open_:
        message = await talker.hear()
        assert message["id"] in open_, message
        if message["type"] == "complete":
            open_.remove(message["id"])
        else:
            told[message["id"]].append(message["payload"]["data"]["runUpdated"])
    await talker.say(type="ping")
    assert await talker.hear() == {"type": "pong"}
    return told
