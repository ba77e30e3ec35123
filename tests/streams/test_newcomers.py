"""Who begins to follow where much happens all the time stands with the others soon, and has missed nothing of it."""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.parts import Parts
from domain.ids import Id
from streams.feeds.deliveries import Delivery
from streams.topics.topic import Topics
from tests.faults.telling import Teller, telling
from tests.streams.following import Listener, channels_of, listening, until
from tests.studio import tenant

PROJECTS, PER_SECOND, NEWCOMERS, SECONDS = 5, 300, 20, 2.0

log = logging.getLogger(__name__)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_newcomers_to_busy_feeds_are_soon_taken_in_and_miss_nothing(
    parts: Parts, database_url: str, seed: int
) -> None:
    chance, topics, over = random.Random(seed), Topics(), asyncio.Event()  # noqa: S311 - to be repeated
    projects = [(await tenant(parts, project=f"project-{place}")).project_id for place in range(PROJECTS)]
    audience, listeners, slowest = dict.fromkeys(projects), list[Listener](), 0.0

    async def read(delivery: Delivery) -> Any:
        """What an answer tells of its subject is read for it."""
        await parts.studio.events.newest(projects)
        return delivery

    async with AsyncExitStack() as stack:
        tellers = [await stack.enter_async_context(telling(project, database_url)) for project in projects]
        busy = [asyncio.create_task(_go_on(teller, chance, over)) for teller in tellers]
        for number in range(1, NEWCOMERS + 1):
            channels, began = channels_of(parts, audience, None, frozenset(projects[:1])), time.monotonic()
            listeners.append(await stack.enter_async_context(listening(channels, topics, encode=read)))
            await until(lambda number=number: _taken_in(topics) == number)  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(chance.random() / 10)  # they come at any moment
        over.set()
        await asyncio.gather(*busy)
        for teller in tellers:
            await teller.tell()
        for listener in listeners:
            await until(lambda listener=listener: _have_all(listener, tellers))  # type: ignore[misc]
    log.info("the slowest was taken in after %.2f s", slowest)
    assert slowest <= SECONDS
    for listener in listeners:
        for project in projects:
            heard = _numbers(listener, project)
            assert heard == list(range(heard[0], heard[-1] + 1))
        assert listener.events.count("presence.snapshot") == 1


async def _go_on(teller: Teller, chance: random.Random, over: asyncio.Event) -> None:
    """One event after the other, so that there is hardly ever a pause in all feeds."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while not over.is_set():
        await teller.tell(1)
        due = max(due + chance.expovariate(PER_SECOND / PROJECTS), loop.time() - 1)
        await asyncio.sleep(due - loop.time())  # so many a second


def _taken_in(topics: Topics) -> int:
    return sum(len(topic.sinks) for topic, _ in topics._open.values())


def _have_all(listener: Listener, tellers: Sequence[Teller]) -> bool:
    return all(_numbers(listener, teller.project_id)[-1:] == [teller.told] for teller in tellers)


def _numbers(listener: Listener, project_id: Id) -> list[int]:
    """Of the events of a project, in the order in which they were heard."""
    return [one.payload["number"] for one in listener.got if one.payload.get("project") == project_id]
