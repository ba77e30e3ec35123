"""Whoever says thousands of things at once waits in turn: the server goes on with everybody else."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from streams.sockets.conversation import MESSAGES_PER_SECOND, MOST_MESSAGES_AT_ONCE
from tests.conftest import fresh_database
from tests.faults.beating import Beating, Pulse, beating
from tests.faults.callers import calling
from tests.faults.plain_sockets import Speech
from tests.faults.raw_sockets import RawSocket, enter_all, introduced, opened, ping, text

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SOCKETS, FRAMES, DOCUMENTS_IN_ALL, SECONDS = 20, 3_000, 300, 2.0
MOST_HELD_UP_SECONDS, MOST_WAIT_SECONDS, GONE_SECONDS = 0.1, 1.0, 15.0
VIEWER = {"query": "{ viewer { kind } }"}
ENTER = 'mutation { setPresence(input: {state: {who: "one"}}) { clientMutationId } }'
GRAPHQL_TWICE = text({"type": "subscribe", "id": "1", "payload": VIEWER}) + text({"type": "complete", "id": "1"})
TWICE = text({"type": "subscribe", "channel": "runs"}) + text({"type": "unsubscribe", "id": "runs"})

log = logging.getLogger(__name__)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Beating]:
    folder = tmp_path_factory.mktemp("flooded")
    async with fresh_database() as url, beating(folder, url, cost_per_minute=1_000_000_000) as one:
        yield one


FLOODS = {
    "pings of the envelope": (Speech.ENVELOPE, text({"type": "ping"})),
    "pings of GraphQL": (Speech.GRAPHQL, text({"type": "ping"})),
    "pings of the protocol": (Speech.ENVELOPE, ping(b"x" * 100)),
    "what is no JSON": (Speech.ENVELOPE, text("{")),
    "presence": (Speech.ENVELOPE, text({"type": "presence", "state": {"x": 1}})),
    "subscriptions begun and ended": (Speech.ENVELOPE, TWICE),
    "operations begun and completed": (Speech.GRAPHQL, GRAPHQL_TWICE),
}
STRANGERS = ("pings of the envelope", "pings of GraphQL", "pings of the protocol", "what is no JSON")


@pytest.mark.parametrize("name", FLOODS)
async def test_thousands_of_frames_at_once_hold_nobody_up(server: Beating, name: str) -> None:
    speech, frame = FLOODS[name]
    async with AsyncExitStack() as stack:
        sockets = await enter_all(stack, (introduced(server.key, speech) for _ in range(SOCKETS)))
        require_calm(await flooded(server, sockets, frame * FRAMES))


@pytest.mark.parametrize("name", STRANGERS)
async def test_nor_do_those_who_have_not_said_who_they_are(server: Beating, name: str) -> None:
    speech, frame = FLOODS[name]
    async with AsyncExitStack() as stack:
        sockets = await enter_all(stack, (opened(server.key, speech) for _ in range(SOCKETS)))
        require_calm(await flooded(server, sockets, frame * FRAMES))


async def flooded(server: Beating, sockets: Sequence[RawSocket], said: bytes) -> tuple[Pulse, float]:
    """What is seen while all of them say it at once, as far as it is taken."""
    writing = [asyncio.create_task(one.write(said)) for one in sockets]
    seen = await watched(server)
    for task in writing:
        task.cancel()
    await asyncio.wait(writing)
    return seen


async def watched(server: Beating) -> tuple[Pulse, float]:
    """The server's pulse for some time, and the longest that another's query took meanwhile."""
    before, slowest, end = await server.pulse(), 0.0, time.monotonic() + SECONDS
    async with calling(server.key) as caller:
        while (began := time.monotonic()) < end:
            await caller.ask(VIEWER["query"])
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.05)  # somebody who asks now and then
    pulse = await server.pulse()
    log.info("%s, query %.3f s, grown %d KiB", pulse, slowest, pulse.resident_kib - before.resident_kib)
    return pulse, slowest


def require_calm(seen: tuple[Pulse, float]) -> None:
    pulse, slowest = seen
    assert pulse.held_up_seconds <= MOST_HELD_UP_SECONDS
    assert slowest <= MOST_WAIT_SECONDS


async def test_who_says_more_than_there_is_patience_for_is_answered_at_a_slow_pace(server: Beating) -> None:
    waits = MESSAGES_PER_SECOND // 2
    async with introduced(server.key, Speech.ENVELOPE) as one:
        began = time.monotonic()
        await one.write(text({"type": "ping"}) * (MOST_MESSAGES_AT_ONCE + waits))
        for _ in range(MOST_MESSAGES_AT_ONCE + waits):
            await one.hear_until(type="pong")
        assert time.monotonic() - began >= 0.7 * waits / MESSAGES_PER_SECOND


async def test_what_was_not_heard_when_somebody_went_keeps_nobody_present(server: Beating) -> None:
    await server.idle()
    async with introduced(server.key, Speech.ENVELOPE) as one:
        await one.write(text({"type": "pong"}) * FRAMES)
        assert (await server.pulse()).attending == 1
    await server.until(lambda pulse: pulse.attending == 0, GONE_SECONDS)


async def test_what_was_said_after_what_closes_the_socket_is_not_done(server: Beating) -> None:
    async with introduced(server.key, Speech.ENVELOPE) as watcher, introduced(server.key, Speech.GRAPHQL) as one:
        await watcher.say(type="subscribe", channel="presence")
        await watcher.hear_until(event="presence.snapshot")
        enters = text({"type": "subscribe", "id": "1", "payload": {"query": ENTER}})
        await one.write(text("{"), enters)
        assert await one.hear() == {"closed": 4400}
        async with introduced(server.key, Speech.ENVELOPE) as other:
            await other.say(type="presence", state={"who": "other"})
            joined = await watcher.hear_until(event="presence.joined")
    assert joined["payload"]["state"] == {"who": "other"}


def asked(number: int, document: str) -> bytes:
    return text({"type": "subscribe", "id": str(number), "payload": {"query": document}})


def large(number: int) -> str:
    """What may be asked for, and takes long to parse, to validate and to answer."""
    fields = " ".join(f"t{number}x{place}: __typename" for place in range(180))
    return f"{{ {fields} }}"


def too_large(number: int) -> str:
    """About 14 KB, with more fields than anybody may ask for."""
    return f"{{ {' '.join(f't{number}x{place}: __typename' for place in range(620))} }}"


def streams(number: int) -> str:
    fields = " ".join(f"... on Run {{ r{number}x{place}: id }}" for place in range(40))
    return f"subscription {{ stream(channels: [{{name: RUNS}}]) {{ event subject {{ {fields} }} }} }}"


DOCUMENTS: dict[str, tuple[Callable[[int], str], int]] = {  # and by how many MiB they may have the server grow
    "too large": (too_large, 60),
    "no GraphQL": (lambda number: "{" * 7_000 + str(number), 60),
    "streams": (streams, 120),
    "large": (large, 120),
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_hundreds_of_documents_at_once_hold_nobody_up_nor_fill_the_memory(server: Beating, name: str) -> None:
    document, most_mib = DOCUMENTS[name]
    before = (await server.pulse()).resident_kib
    async with AsyncExitStack() as stack:
        sockets = await enter_all(stack, (introduced(server.key, Speech.GRAPHQL) for _ in range(SOCKETS)))
        shares = [range(place, DOCUMENTS_IN_ALL, SOCKETS) for place in range(SOCKETS)]
        saying = [b"".join(asked(number, document(number)) for number in numbers) for numbers in shares]
        writing = [asyncio.create_task(one.write(said)) for one, said in zip(sockets, saying, strict=True)]
        seen = await watched(server)
        await asyncio.gather(*writing)
        await asyncio.gather(*(answered(one) for one in sockets))
    require_calm(seen)
    assert (await server.pulse()).resident_kib - before <= 1_024 * most_mib


async def answered(one: RawSocket) -> None:
    """All that was asked before is begun."""
    await one.say(type="ping")
    await one.hear_until(type="pong")
