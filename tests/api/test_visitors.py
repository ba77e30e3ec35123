"""Whoever needs no key, and whoever tries many: counted by their address, which they cannot make up."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from random import Random
from typing import Any

import httpx2
import pytest

from app.settings import Settings
from gateway.keys import new_key
from tests.api.asking import finish, start, told
from tests.api.talking import talking
from tests.contract.studio_rows import statements
from tests.gateway.stretches import early_in_its_stretch
from tests.studio import Client, serving

HERE = "127.0.0.1"
CALLER = "203.0.113.9"
VIEWER = {"query": "{ viewer { kind } }"}
FEW = {"address_requests_per_minute": 5, "address_failures_per_minute": 5}
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
async def strict(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A server that lets each address visit five times a minute, and fail as often."""
    async with serving(settings.model_copy(update=FEW), database_url) as client:
        await early_in_its_stretch(f"address/{HERE}")
        await early_in_its_stretch(f"failures/{HERE}")
        yield client


def refused(answer: httpx2.Response) -> bool:
    """Whether the answer is the one refusal there is, said in full."""
    if answer.status_code != 429:
        return False
    error = answer.json()["error"]
    assert error["code"] == "IP_RATE_LIMIT_EXCEEDED"
    assert error["message"] == f"Rate limit exceeded. Try again in {error['retryAfter']} seconds"
    headers = answer.headers
    assert headers["retry-after"] == headers["ratelimit-reset"] == str(error["retryAfter"])
    assert (headers["ratelimit-limit"], headers["ratelimit-remaining"]) == ("5", "0")
    return True


async def test_an_address_sees_so_many_pictures_a_minute_wherever_they_are(strict: Client) -> None:
    image = (await finish(strict, (await start(strict))["id"]))["images"][0]
    urls = [image["storageUrl"], image["cdnUrl"]] * 3
    answers = [await strict.http.get(url) for url in urls]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert refused(answers[-1])
    assert "ratelimit-limit" not in answers[0].headers  # which shared caches would show to others
    assert (await strict.http.get("/health/live")).status_code == 200
    assert (await strict.http.post("/graphql", json=VIEWER)).status_code == 200


def made_up_hops(random: Random) -> str:
    return ", ".join(".".join(str(random.randrange(256)) for _ in range(4)) for _ in range(1 + random.randrange(4)))


@pytest.mark.parametrize(
    ("proxies", "real"), [((), ""), (LOOPBACK, f", {CALLER}"), (LOOPBACK, f", {CALLER}, 127.0.0.9")]
)
async def test_a_thousand_made_up_addresses_are_one(
    settings: Settings, database_url: str, proxies: tuple[Any, ...], real: str
) -> None:
    limit = 100
    random = Random(4)  # noqa: S311 - nothing secret
    counted = settings.model_copy(update={"address_requests_per_minute": limit, "trusted_proxies": proxies})
    async with serving(counted, database_url) as client:
        await early_in_its_stretch(f"address/{CALLER if real else HERE}", room_seconds=15)
        statuses = []
        for _ in range(20):
            hops = [{"X-Forwarded-For": f"{made_up_hops(random)}{real}"} for _ in range(50)]
            asked = (client.http.get("/storage/nothing", headers=headers) for headers in hops)
            statuses += [answer.status_code for answer in await asyncio.gather(*asked)]
    assert (statuses.count(404), statuses.count(429)) == (limit, 1_000 - limit)


async def test_callers_behind_a_trusted_proxy_are_counted_each_for_themselves(
    settings: Settings, database_url: str
) -> None:
    trusting = settings.model_copy(update={**FEW, "trusted_proxies": LOOPBACK})
    async with serving(trusting, database_url) as client:
        for caller in (CALLER, "203.0.113.10", "2001:db8::1"):
            answers = [await client.http.get("/cdn/a/b/img/c", headers={"X-Forwarded-For": caller}) for _ in range(5)]
            assert [answer.status_code for answer in answers] == [404] * 5


async def tries(client: Client, *keys: str) -> list[httpx2.Response]:
    return [await client.http.post("/graphql", json=VIEWER, headers={"X-API-Key": key}) for key in keys]


def guesses(count: int) -> list[str]:
    return [new_key().text for _ in range(count)]


async def test_after_so_many_bad_keys_the_database_is_not_asked_any_more(strict: Client) -> None:
    answers = await tries(strict, *guesses(6))
    assert [told(answer)[0] for answer in answers] == [401] * 5 + [429]
    with statements(strict.parts.engine) as sent:
        answers = await tries(strict, *guesses(3))
    # A clock of the server's own looks for announcements.
    assert not [statement for statement, _ in sent if "announcements" not in statement]
    for answer in answers:
        assert told(answer) == (429, "IP_RATE_LIMIT_EXCEEDED")
        assert answer.headers["retry-after"] == answer.headers["ratelimit-reset"]
        assert 0 < int(answer.headers["retry-after"]) <= 60


async def test_a_key_that_was_good_before_stays_good_for_an_address_that_is_shut_out(strict: Client) -> None:
    await tries(strict, strict.key.apiKey, *guesses(7))
    remembered, prefix = strict.parts.identity._remembered, strict.key.apiKey.rpartition("_")[0]
    remembered[prefix] = (0.0, remembered[prefix][1])  # as it is after some seconds
    (answer,) = await tries(strict, strict.key.apiKey)
    assert answer.json()["data"] == {"viewer": {"kind": "api_key"}}


async def test_bad_tokens_and_keys_in_the_first_message_of_a_socket_count_too(strict: Client) -> None:
    del strict.http.headers["x-api-key"]
    for number in range(4):
        headers = {"Authorization": f"Bearer {number}.b.c"}
        assert told(await strict.http.post("/graphql", json=VIEWER, headers=headers)) == (401, "UNAUTHENTICATED")
    closed = []
    for _ in range(2):
        async with talking(strict) as talker:
            await talker.say(type="connection_init", payload={"apiKey": new_key().text})
            closed.append(await talker.closed())
    assert [(code, "Rate limit exceeded" in reason) for code, reason in closed] == [(4403, False), (1013, True)]


async def test_saying_nothing_is_no_attempt(strict: Client) -> None:
    del strict.http.headers["x-api-key"]
    for _ in range(10):
        assert told(await strict.http.post("/graphql", json=VIEWER)) == (401, "UNAUTHENTICATED")
