"""Many streams, each cut off again and again: who goes on from the last cursor misses nothing, hears nothing twice."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.protocols.cutting import GRAPHQL, Follower, Stream, Told, envelope
from tests.streams.following import canceled_run, following
from tests.studio import Client, Tenant, serving, tenant

SOCKETS, STREAMS_OF_A_SOCKET, CUTS, SEED = 50, 10, 20, 20
RUNS, EVENTS_OF_A_RUN = 9, 7
EVENTS = RUNS * EVENTS_OF_A_RUN


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A server whose runs nobody works on."""
    async with serving(settings.model_copy(update={"workers": 0}), database_url) as one:
        yield one


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_of_500_streams_cut_20_times_each_none_misses_or_repeats_or_reorders_anything(client: Client) -> None:
    one, chance = await tenant(client.parts), random.Random(SEED)  # noqa: S311 - to be repeated
    before = await _first_cursor(one)
    followers = [_follower(client, before, chance, place) for place in range(SOCKETS)]
    following_all = asyncio.gather(*(follower.follow() for follower in followers))
    for place in range(RUNS):
        await canceled_run(one)
        await _is_heard(followers, (place + 1) * EVENTS_OF_A_RUN // 2)
    await following_all
    whole = await _recorded(one)
    assert len(whole) == EVENTS
    streams = [stream for follower in followers for stream in follower.streams]
    assert [stream.heard == whole for stream in streams] == [True] * 500
    assert {follower.connections for follower in followers} == {CUTS + 1}


def _follower(client: Client, cursor: str, chance: random.Random, place: int) -> Follower:
    """
    One of either protocol.

    It is cut off at so many places among all that its streams hear, so that each stream is elsewhere at each cut.
    """
    key, protocol = client.key.apiKey, envelope(client.key.apiKey) if place % 2 else GRAPHQL
    cuts = deque(sorted(chance.sample(range(1, EVENTS * STREAMS_OF_A_SOCKET), CUTS)))
    streams = [Stream(cursor) for _ in range(STREAMS_OF_A_SOCKET)]
    return Follower(protocol, client.url, key, streams, cuts, EVENTS)


async def _first_cursor(one: Tenant) -> str:
    """The cursor after a first run."""
    async with following(one.parts, {one.project_id: None}) as listener:
        await canceled_run(one)
        return (await listener.has(EVENTS_OF_A_RUN))[-1].cursor


async def _is_heard(followers: list[Follower], count: int) -> None:
    """By half of them, so that what happens next happens while others are still behind, or cut off."""
    enough = count * STREAMS_OF_A_SOCKET
    while sum(follower.heard >= enough for follower in followers) < SOCKETS // 2:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.02)


async def _recorded(one: Tenant) -> list[Told]:
    envelopes = await one.parts.studio.events.after(one.project_id, EVENTS_OF_A_RUN, most=10_000)
    return [(e.event.event, e.event.payload["id"], e.event.payload["version"]) for e in envelopes]
