"""What is said in the envelope is taken from the minute that the caller's operations cost as well."""

from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.protocols.conversing import Step, hear, say
from tests.protocols.enveloping import correspond, hear_of, refused
from tests.studio import Client, serving

COST = 20_000
CHANNELS = [{"channel": "runs"}, {"channel": "announcements"}]
SEEN = hear_of(channel="presence", event="presence.snapshot")


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    async with serving(settings.model_copy(update={"cost_per_minute": COST}), database_url) as one:
        yield one


async def leave(client: Client, cost: int) -> None:
    """So much is left of the minute of the client's key."""
    actor = await client.parts.identity.of(client.key.apiKey, None, "0" * 32)
    assert (await client.parts.studio.meter.spend(actor, COST - cost)).allowed


SPENT: dict[str, tuple[int, tuple[Step, ...]]] = {
    "each channel costs one": (
        2,
        (say(type="subscribe", id="a", channels=CHANNELS), hear_of(type="subscribed", id="a")),
    ),
    "each presence costs one": (
        3,
        (
            say(type="subscribe", channel="presence"),
            hear_of(type="subscribed", id="presence"),
            SEEN,
            say(type="presence", state={"x": 1}),
            hear_of(event="presence.joined"),
            say(type="presence", state=None),
            hear_of(event="presence.left"),
        ),
    ),
}


@pytest.mark.parametrize("row", SPENT.values(), ids=SPENT)
async def test_what_is_said_costs_and_where_nothing_is_left_is_refused(
    client: Client, row: tuple[int, tuple[Step, ...]]
) -> None:
    cost, steps = row
    await leave(client, cost)
    spent = (
        say(type="subscribe", id="b", channel="announcements"),
        refused("RATE_LIMITED", "b"),
        say(type="presence", state={"x": 2}),
        refused("RATE_LIMITED"),
        say(type="ping", payload="free"),
        hear(type="pong", payload="free"),
    )
    await correspond(client, *steps, *spent)


async def test_who_may_not_have_all_channels_has_none_of_them(client: Client) -> None:
    await leave(client, 1)
    asked = say(type="subscribe", id="a", channels=CHANNELS), refused("RATE_LIMITED", "a")
    begun = say(type="subscribe", id="a", channel="runs"), hear_of(type="subscribed", id="a")
    await correspond(client, *asked, *begun)
