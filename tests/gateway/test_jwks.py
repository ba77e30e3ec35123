"""The keys of an identity provider: fetched over real HTTP, kept, rotated, and not asked for more than needed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from jwt.algorithms import ECAlgorithm

from domain.errors import DomainError, ErrorCode
from gateway.jwks import ANSWER_SECONDS, KEPT_SECONDS, MOST_BYTES, PAUSE_SECONDS, STALE_SECONDS, Jwks
from tests.gateway.identity_provider import IdentityProvider, SigningKey, identity_provider, new_key
from tests.streams.following import until

FIRST, SECOND = new_key("first"), new_key("second")
RSA, EDWARDS = new_key("rsa", "RS256"), new_key("edwards", "EdDSA")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider(FIRST) as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(provider: IdentityProvider, clock: Clock) -> AsyncIterator[Jwks]:
    one = Jwks(provider.url, clock)
    yield one
    await one.close()


async def finds(keys: Jwks, id: str, algorithm: str = "ES256") -> bool:
    return await keys.find(id, algorithm) is not None


async def refusal(keys: Jwks, id: str = "first") -> DomainError:
    with pytest.raises(DomainError) as refused:
        await keys.find(id, "ES256")
    return refused.value


async def test_the_keys_are_fetched_once_and_kept_ten_minutes(
    keys: Jwks, provider: IdentityProvider, clock: Clock
) -> None:
    assert provider.asked == 0
    for _ in range(100):
        assert await finds(keys, "first")
        clock.after(KEPT_SECONDS / 100)
    assert provider.asked == 1
    clock.after(1)
    assert await finds(keys, "first")
    assert provider.asked == 2


async def test_a_key_is_found_by_its_own_algorithm_alone(keys: Jwks, provider: IdentityProvider) -> None:
    provider.show(FIRST, RSA, EDWARDS)
    for key in (FIRST, RSA, EDWARDS):
        found = {name for name in ("RS256", "ES256", "EdDSA", "HS256", "none", "") if await finds(keys, key.id, name)}
        assert found == {key.algorithm}


async def test_a_new_key_is_found_and_a_withdrawn_one_is_not(
    keys: Jwks, provider: IdentityProvider, clock: Clock
) -> None:
    assert await finds(keys, "first")
    provider.show(SECOND)
    clock.after(PAUSE_SECONDS)
    assert await finds(keys, "second")
    assert not await finds(keys, "first")


async def test_a_withdrawn_key_is_good_for_no_more_than_ten_minutes(
    keys: Jwks, provider: IdentityProvider, clock: Clock
) -> None:
    assert await finds(keys, "first")
    provider.show(SECOND)
    clock.after(KEPT_SECONDS + 1)
    assert not await finds(keys, "first")


async def test_a_flood_of_unknown_keys_asks_the_provider_once_in_thirty_seconds(
    keys: Jwks, provider: IdentityProvider, clock: Clock
) -> None:
    assert await finds(keys, "first")
    for number in range(10):
        found = await asyncio.gather(*(finds(keys, f"{number}.{other}") for other in range(100)))
        assert not any(found)
        clock.after(PAUSE_SECONDS / 5)
    assert provider.asked == 2


async def test_all_who_come_first_share_one_answer(keys: Jwks, provider: IdentityProvider, clock: Clock) -> None:
    provider.released.clear()
    waiting = [asyncio.create_task(finds(keys, "first")) for _ in range(50)]
    await until(lambda: provider.asked == 1)
    waiting[0].cancel()
    clock.after(PAUSE_SECONDS)
    waiting.append(asyncio.create_task(finds(keys, "first")))
    provider.released.set()
    assert await asyncio.gather(*waiting[1:]) == [True] * 50
    assert provider.asked == 1


async def test_while_the_provider_is_away_its_last_keys_stay_good_for_a_day(
    keys: Jwks, provider: IdentityProvider, clock: Clock
) -> None:
    assert await finds(keys, "first")
    provider.stop()
    for _ in range(24):
        clock.after(STALE_SECONDS / 24 - 1)
        assert await finds(keys, "first")
        assert not await finds(keys, "second")
    clock.after(60)
    assert (await refusal(keys)).code is ErrorCode.UNAVAILABLE
    provider.start()
    clock.after(PAUSE_SECONDS)
    assert await finds(keys, "first")


async def test_without_any_key_the_caller_is_told_when_to_come_back(
    keys: Jwks, provider: IdentityProvider, clock: Clock
) -> None:
    provider.stop()
    assert [(await refusal(keys)).details for _ in range(2)] == [{"retryAfter": PAUSE_SECONDS}] * 2
    clock.after(PAUSE_SECONDS - 4.5)
    told = await refusal(keys)
    assert (told.code, told.details) == (ErrorCode.UNAVAILABLE, {"retryAfter": 5})
    provider.start()
    clock.after(5)
    assert await finds(keys, "first")


@pytest.mark.parametrize("drip_seconds", [0, 0.1])
async def test_a_provider_that_does_not_come_to_an_end_is_not_waited_for(
    keys: Jwks, provider: IdentityProvider, drip_seconds: float
) -> None:
    provider.drip_seconds = drip_seconds
    if not drip_seconds:
        provider.released.clear()
    async with asyncio.timeout(ANSWER_SECONDS + 1):
        assert (await refusal(keys)).code is ErrorCode.UNAVAILABLE


OTHERS = json.dumps({"keys": [SECOND.shown()]}).encode()
BROKEN: dict[str, tuple[int, bytes]] = {
    "an error": (500, OTHERS),
    "a redirect": (302, OTHERS),
    "no JSON": (200, b"<html>"),
    "no UTF-8": (200, b'{"keys": ["\xff"]}'),
    "no object": (200, b"[]"),
    "no keys": (200, b'{"keys": {}}'),
    "an empty set": (200, b'{"keys": []}'),
    "deep": (200, b'{"keys": [' + b"[" * 100_000),
    "too large": (200, OTHERS + b" " * MOST_BYTES),
    "nothing": (200, b""),
}


@pytest.mark.parametrize("answer", BROKEN)
async def test_an_answer_that_is_no_key_set_changes_nothing(
    keys: Jwks, provider: IdentityProvider, clock: Clock, answer: str
) -> None:
    assert await finds(keys, "first")
    provider.status, provider.body = BROKEN[answer]
    clock.after(KEPT_SECONDS + 1)
    assert await finds(keys, "first")
    assert not await finds(keys, "second")
    assert provider.asked == 2


def _private(key: SigningKey) -> EllipticCurvePrivateKey:
    assert isinstance(key.private, EllipticCurvePrivateKey)
    return key.private


SHOWN = FIRST.shown()
UNUSABLE: dict[str, Any] = {
    "for encryption": SHOWN | {"use": "enc"},
    "for signing alone": SHOWN | {"key_ops": ["sign"]},
    "of another algorithm": SHOWN | {"alg": "ES512"},
    "of another curve": SHOWN | {"crv": "P-521"},
    "without a name": {name: value for name, value in SHOWN.items() if name != "kid"},
    "a private one": {**SHOWN, **ECAlgorithm.to_jwk(_private(FIRST), as_dict=True), "key_ops": ["verify"]},
    "a shared secret": {"kty": "oct", "kid": "first", "k": "c2VjcmV0", "alg": "HS256"},
    "a secret that says ES256": {"kty": "oct", "kid": "first", "k": "c2VjcmV0", "alg": "ES256"},
    "a point beside its curve": SHOWN | {"x": SHOWN["y"]},
    "cut": SHOWN | {"x": SHOWN["x"][:10]},
    "half of one": {name: value for name, value in SHOWN.items() if name != "y"},
    "of numbers": SHOWN | {"x": 7},
    "a text": "first",
    "null": None,
}


@pytest.mark.parametrize("key", UNUSABLE)
async def test_a_key_that_is_not_for_this_is_left_out(keys: Jwks, provider: IdentityProvider, key: str) -> None:
    provider.body = json.dumps({"keys": [UNUSABLE[key], SECOND.shown()]}).encode()
    assert await finds(keys, "second")
    assert not await finds(keys, "first")


async def test_a_key_says_little_and_is_still_found(keys: Jwks, provider: IdentityProvider) -> None:
    bare = {name: value for name, value in RSA.shown().items() if name in {"kty", "kid", "n", "e"}}
    more = SHOWN | {"key_ops": ["verify"], "x5t": "x", "x5c": ["x"]}
    provider.body = json.dumps({"keys": [bare, more]}).encode()
    assert await finds(keys, "first")
    found = await keys.find("rsa", "RS256")
    assert found
    assert jwt.decode(RSA.sign({"sub": "ada"}), found) == {"sub": "ada"}
