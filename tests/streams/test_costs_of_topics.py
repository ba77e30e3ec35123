"""What is executed for a caller at each event has a bound; what others have executed anyway costs nothing."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from app.parts import Parts
from domain.errors import DomainError, ErrorCode
from streams.topics.topic import MOST_COST_OF_CALLER, Subscription, Topics
from tests.streams.following import Listener, channels_of, until
from tests.studio import Tenant, tenant

HALF = MOST_COST_OF_CALLER // 2


@pytest.fixture
async def one(parts: Parts) -> Tenant:
    return await tenant(parts)


@asynccontextmanager
async def followed(one: Tenant, topics: Topics, document: Hashable, caller: str) -> AsyncIterator[None]:
    """Half of what a caller may have is executed for it."""
    channels, listener = channels_of(one.parts, {one.project_id: None}, None), Listener()
    await topics.follow(Subscription((document, channels.key), channels, as_it_is, caller, HALF), listener)
    try:
        yield
    finally:
        topics.leave(listener)


async def as_it_is(delivery: Any) -> Any:
    return delivery


async def test_too_much_for_one_caller_is_refused_until_something_ends(one: Tenant) -> None:
    topics = Topics()
    async with followed(one, topics, 1, "ada"):
        async with followed(one, topics, 2, "ada"), followed(one, topics, 3, "bob"):
            with pytest.raises(DomainError) as refused:
                async with followed(one, topics, 4, "ada"):
                    pass
            assert refused.value.code is ErrorCode.RATE_LIMITED
        await until(lambda: topics._costs == {"ada": HALF})
        async with followed(one, topics, 4, "ada"):
            pass
    await until(lambda: not topics._costs)
    assert not topics._open


async def test_what_others_follow_already_is_not_paid_again(one: Tenant) -> None:
    topics = Topics()
    async with AsyncExitStack() as stack:
        for document in (1, 2):
            await stack.enter_async_context(followed(one, topics, document, "ada"))
        for caller in ("bob", "bob", "bob", "ada"):
            await stack.enter_async_context(followed(one, topics, 1, caller))
        for document in (3, 4):
            await stack.enter_async_context(followed(one, topics, document, "bob"))


async def test_callers_who_came_and_went_leave_nothing(one: Tenant) -> None:
    topics = Topics()
    for turn in range(50):
        async with followed(one, topics, turn % 3, f"caller {turn % 5}"):
            await asyncio.sleep(0)  # it follows for one turn
    await until(lambda: not topics._costs)
