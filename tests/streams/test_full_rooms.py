"""Rooms that are full, and change all the time: who comes is told all of it, and what that takes has bounds."""

import asyncio
import time
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from app.parts import Parts
from app.settings import Settings
from domain.errors import DomainError
from domain.ids import Id, new_id
from domain.presence import MOST_PRESENT, Presence
from streams.envelope.conversation import _encode
from streams.presence.rooms import Room
from streams.topics.channels import Channels, ChannelTopic, Origins
from streams.topics.encoded import MOST_KEPT_BYTES
from streams.topics.topic import SINKS_AT_ONCE, Subscription, Topic, Topics
from tests.faults.plain_sockets import Speech
from tests.faults.raw_sockets import introduced
from tests.streams.following import until
from tests.studio import Client, serving, tenant

ROOMS, PEOPLE = 8, 300
SINKS, RELOADS, LONGEST_SECONDS = 99, 60, 0.1
CREATE_PROJECT = "mutation($input: CreateProjectInput!) { createProject(input: $input) { project { id } } }"


@dataclass(eq=False)
class Reader:
    """Takes what comes at once."""

    told: int = 0
    topic: Topic | None = None

    def begin(self, cursor: str) -> None:
        pass

    def push(self, payload: bytes, subject: Hashable) -> None:
        self.told += 1

    def finish(self, error: DomainError | None) -> None:
        pass

    async def has_room(self) -> None:
        pass


def someone(project_id: Id, version: int = 1) -> Presence:
    return Presence(
        connection_id=new_id(),
        project_id=project_id,
        subject="ada",
        name=None,
        state={"at": "y" * 1_900},
        since=datetime.now(UTC),
        version=version,
    )


@dataclass(slots=True)
class Full:
    """A room in which are all who may be, and its topic."""

    topics: Topics
    subscription: Subscription
    room: Room
    people: list[Presence]

    async def come(self) -> Reader:
        reader = Reader()
        await self.topics.follow(self.subscription, reader)
        return reader


@pytest.fixture
async def full(parts: Parts) -> AsyncIterator[Full]:
    studio, one = parts.studio, await tenant(parts)
    origins = Origins(studio.deliveries, studio.rooms, studio.announcements)
    channels = Channels(origins=origins, interests={}, rooms=frozenset({one.project_id}))
    topics, first = Topics(), Reader()
    subscription = Subscription(channels.key, channels, _encode)
    await topics.follow(subscription, first)
    async with studio.rooms.watch(one.project_id) as room:
        people = [someone(one.project_id) for _ in range(MOST_PRESENT)]
        for person in people:
            room.take(person)
        await until(lambda: first.told > MOST_PRESENT)
        yield Full(topics, subscription, room, people)
    topics.leave(first)


async def test_reloading_a_page_over_and_over_takes_no_memory(full: Full) -> None:
    for version in range(2, RELOADS + 2):
        full.room.take(replace(full.people[0], version=version))
        full.topics.leave(await full.come())
    (topic,) = (topic for topic, _ in full.topics._open.values())
    assert isinstance(topic, ChannelTopic)
    kept = [one.payload.result() for one in topic._encoded._kept.values()]
    assert sum(map(len, kept)) <= MOST_KEPT_BYTES
    assert topic._encoded._bytes <= MOST_KEPT_BYTES


async def test_everybody_changing_at_once_before_many_holds_nobody_up(full: Full) -> None:
    readers = [await full.come() for _ in range(SINKS)]
    before = told = sum(reader.told for reader in readers)
    for person in full.people:
        full.room.take(replace(person, version=2))
    at_once, longest_seconds = 0, 0.0
    while told < before + SINKS * MOST_PRESENT:
        began = time.thread_time()
        await asyncio.sleep(0)  # the telling has its turns, which are timed
        longest_seconds = max(longest_seconds, time.thread_time() - began)
        was, told = told, sum(reader.told for reader in readers)
        at_once = max(at_once, told - was)
    assert at_once <= 2 * SINKS_AT_ONCE
    assert longest_seconds <= LONGEST_SECONDS


@pytest.mark.slow
async def test_who_reads_all_the_time_is_told_of_all_who_are_in_many_full_rooms(client: Client) -> None:
    projects = [Id(client.key.projectId)]
    for place in range(1, ROOMS):
        given = {"slug": f"room-{place}", "name": "Room"}
        projects.append((await client.ask(CREATE_PROJECT, input=given))["createProject"]["project"]["id"])
    actor = await client.parts.identity.of(client.key.apiKey, None, "0" * 32)
    for place in range(PEOPLE):
        connection_id, person = new_id(), replace(actor, subject=f"person {place}")
        for project_id in projects:
            await client.parts.studio.rooms.say(connection_id, project_id, person, {"at": "y" * 1_000})
    async with introduced(client.key, Speech.ENVELOPE, narrow=True) as one:
        channels = [{"channel": "presence", "projectId": project_id} for project_id in projects]
        await one.say(type="subscribe", id="all", channels=channels)
        told = dict[str, int]()
        while len(told) < ROOMS:
            payload = (await one.hear_until(event="presence.snapshot"))["payload"]
            told[payload["projectId"]] = len(payload["members"])
        assert told == dict.fromkeys(map(str, projects), PEOPLE)
        await one.say(type="ping")
        await one.hear_until(type="pong")


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    async with serving(settings, database_url) as one:
        yield one
