"""Who asks the same and may read the same shares one topic: an event is executed and encoded once for all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.operations import GraphQLOperations
from app.parts import Parts
from app.settings import Settings
from domain.ids import Id
from domain.permissions import Actor, Permission, Role
from gateway.tokens import write_token
from schema import schema
from streams.operations import Asked, Caller
from streams.topics.topic import Subscription, Topics
from tests.api.talking import Talker, talking
from tests.contract.callers import member
from tests.contract.studio_rows import statements
from tests.streams.following import Listener, canceled_run, until
from tests.studio import Client, Tenant, serving, tenant

EVENTS_OF_A_RUN = 7
OF_WORKFLOW = b'"workflow":{"name":"Hero image"}'
BRIEF = "subscription($after: String) { stream(channels: [{name: RUNS}], after: $after) { event } }"
WITH_RUN = """subscription($after: String) { stream(channels: [{name: RUNS}], after: $after) {
  event payload cursor subject { ... on Run { id status workflow { name } } ... on RunStep { id } }
} }"""
OTHERWISE_NAMED = """subscription($after: String, $status: Boolean!) {
  stream(channels: [{name: RUNS}], after: $after) { event subject { ... on Run { id status @include(if: $status) } } }
}"""
CURSOR_USED_TWICE = """subscription($after: String) {
  stream(channels: [{name: RUNS, runId: $after}], after: $after) { event }
}"""


@pytest.fixture
async def one(parts: Parts) -> Tenant:
    found = await tenant(parts)
    await canceled_run(found)
    return found


def beginning(parts: Parts, project_id: Id) -> str:
    return parts.studio.cursors.write({project_id: 0})


async def begun(one: Tenant, actor: Actor, query: str, **variables: Any) -> Subscription:
    operations = GraphQLOperations(schema, one.parts.studio)
    found = await operations.begin(
        Asked(query=query, variables=variables), Caller(actor=actor, trace_id="0" * 32, address=None)
    )
    assert isinstance(found, Subscription), found
    return found


def of_role(one: Tenant, role: Role, subject: str = "mira") -> Actor:
    return replace(
        member(one.actor.organization_id, {one.project_id: role}), subject=subject, default_project_id=one.project_id
    )


async def test_where_one_begins_does_not_part_them_and_what_one_asks_does(one: Tenant) -> None:
    cursor = beginning(one.parts, one.project_id)
    first = await begun(one, one.actor, BRIEF)
    for after in (None, cursor, one.parts.studio.cursors.write({one.project_id: 3})):
        assert (await begun(one, one.actor, BRIEF, after=after)).key == first.key
    assert (await begun(one, one.actor, WITH_RUN, after=cursor)).key != first.key
    brief, whole = [(await begun(one, one.actor, OTHERWISE_NAMED, status=status)).key for status in (False, True)]
    assert brief != whole
    assert (await begun(one, one.actor, OTHERWISE_NAMED, status=True, after=cursor)).key == whole


async def test_people_of_one_role_share_and_people_of_others_do_not(one: Tenant) -> None:
    keys = [
        (await begun(one, actor, BRIEF)).key
        for actor in (
            of_role(one, Role.VIEWER),
            of_role(one, Role.VIEWER, "noor"),
            of_role(one, Role.EDITOR),
            of_role(one, Role.EDITOR, "noor"),
            one.actor,
        )
    ]
    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert len(set(keys)) == 3


async def test_none_is_told_what_only_another_audience_may_read(one: Tenant) -> None:
    narrow = replace(one.actor, permissions=frozenset({Permission.RUNS_READ, Permission.PROJECTS_READ}), scopes=())
    topics, cursor = Topics(), beginning(one.parts, one.project_id)
    async with AsyncExitStack() as stack:
        wide_heard, narrow_heard = [
            await stack.enter_async_context(_followed(topics, await begun(one, actor, WITH_RUN, after=cursor)))
            for actor in (one.actor, narrow)
        ]
        await canceled_run(one)
        of_wide, of_narrow = [await _answers(listener, 2 * EVENTS_OF_A_RUN) for listener in (wide_heard, narrow_heard)]
        assert len(topics._open) == 2
    assert sum(OF_WORKFLOW in answer for answer in of_wide) == 6
    assert not [answer for answer in of_wide if b"FORBIDDEN" in answer]
    assert not [answer for answer in of_narrow if OF_WORKFLOW in answer]
    assert sum(b"FORBIDDEN" in answer for answer in of_narrow) == 6


async def _answers(listener: Listener, count: int) -> list[bytes]:
    answers: list[Any] = await listener.has(count)
    return answers


@asynccontextmanager
async def _followed(topics: Topics, subscription: Subscription) -> AsyncIterator[Listener]:
    listener = Listener()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(topics.follow(subscription, listener))
        yield listener
        task.cancel()
        topics.leave(listener)


class _Counted:
    """How often each event was encoded."""

    def __init__(self, subscription: Subscription) -> None:
        self.cursors: list[str] = []
        self.subscription = replace(subscription, encode=self._encode)
        self._told = subscription.encode

    async def _encode(self, delivery: Any) -> bytes:
        self.cursors.append(delivery.cursor)
        return await self._told(delivery)


async def test_two_hundred_who_come_at_once_have_each_event_encoded_once(one: Tenant) -> None:
    topics, cursor = Topics(), beginning(one.parts, one.project_id)
    counted = _Counted(await begun(one, one.actor, WITH_RUN, after=cursor))
    async with AsyncExitStack() as stack:
        all_ = [await stack.enter_async_context(_followed(topics, counted.subscription)) for _ in range(200)]
        for runs in (1, 2, 3):
            for listener in all_:
                await listener.has(runs * EVENTS_OF_A_RUN)
            await canceled_run(one)
        whole = await all_[0].has(4 * EVENTS_OF_A_RUN)
        assert [await listener.has(len(whole)) for listener in all_] == [whole] * 200
        assert len(topics._open) == 1
    assert len(counted.cursors) == len(set(counted.cursors)) == len(whole) == 4 * EVENTS_OF_A_RUN


async def test_a_topic_ends_with_its_last_follower(one: Tenant) -> None:
    topics = Topics()
    async with AsyncExitStack() as stack:
        async with _followed(topics, await begun(one, one.actor, BRIEF)):
            await stack.enter_async_context(_followed(topics, await begun(one, one.actor, BRIEF)))
            await until(lambda: len(topics._open) == 1)
        assert len(topics._open) == 1
    assert not topics._open
    await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "topic"])
    await until(lambda: not one.parts.studio.hub._hearing.channels)


SOCKETS, OPERATIONS = 4, 25


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A server whose runs nobody works on."""
    async with serving(settings.model_copy(update={"workers": 0}), database_url) as opened:
        yield opened


async def test_two_hundred_on_sockets_cost_the_database_as_much_as_one_of_each_kind(client: Client) -> None:
    one = await tenant(client.parts)
    await canceled_run(one)
    few, many = [await _statements_of_a_run(client, one, operations) for operations in (1, OPERATIONS)]
    assert few["steps"] == 4 * 4  # four steps, for two documents of two audiences each
    assert many == few


async def _statements_of_a_run(client: Client, one: Tenant, operations: int) -> dict[str, int]:
    """How often entities are read as all are told of one run, so many times on each socket."""
    token = write_token(
        client.parts.secrets.token_key,
        subject="ada",
        role=Role.VIEWER,
        organization_id=one.actor.organization_id,
        project_id=one.project_id,
        valid=timedelta(hours=1),
    )
    cursor, said = beginning(client.parts, one.project_id), [{"apiKey": client.key.apiKey}, {"token": token}]
    async with AsyncExitStack() as stack:
        talkers = [await stack.enter_async_context(talking(client)) for _ in range(SOCKETS if operations > 1 else 2)]
        for place, talker in enumerate(talkers):
            await _subscribed(talker, said[place % 2], cursor, operations)
        before = await _events_of_all(talkers, 2 * operations, await _recorded(one))
        with statements(client.parts.engine) as sent:
            await canceled_run(one)
            after = await _events_of_all(talkers, 2 * operations, EVENTS_OF_A_RUN)
        assert after == [EVENTS_OF_A_RUN * 2 * operations] * len(talkers)
        assert before[0] == await _recorded(one) * 2 * operations - after[0]
    return {table: sum(f"{table}.id IN (" in statement for statement, _ in sent) for table in ("runs", "steps")}


async def _subscribed(talker: Talker, who: dict[str, str], cursor: str, operations: int) -> None:
    await talker.say(type="connection_init", payload=who)
    assert await talker.hear() == {"type": "connection_ack"}
    for place in range(operations):
        await talker.ask(f"a{place}", WITH_RUN, after=cursor)
        await talker.ask(f"b{place}", WITH_RUN.replace("id status", "status"), after=cursor)


async def _events_of_all(talkers: list[Talker], operations: int, each: int) -> list[int]:
    """How much each socket heard, once all of its operations heard so much."""
    return [len([await talker.hear() for _ in range(each * operations)]) for talker in talkers]


async def _recorded(one: Tenant) -> int:
    return (await one.parts.studio.events.newest([one.project_id]))[one.project_id]
