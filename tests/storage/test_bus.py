"""The same promises, kept by both buses over their real servers."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from broadcaster import Broadcast, BroadcastBackend, Event
from broadcaster._base import Subscriber
from structlog.testing import capture_logs

from storage.bus import RESYNC, BusLimits, create_bus
from storage.bus.inbox import Inbox
from storage.bus.notify import NotifyBackend
from storage.bus.redis import RedisBackend
from tests.servers.postgres_process import start_postgres
from tests.servers.stalling_proxy import stalling_proxy
from tests.servers.valkey_process import free_port, start_valkey

ROOT = Path(__file__).parents[2]
RECEIVE_SECONDS = 5.0
ELSEWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"
BRISK = BusLimits(call_seconds=0.5, keepalive_seconds=0.2)


class ServerProcess(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def is_running(self) -> bool: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...


@pytest.fixture(scope="module", params=["redis", "notify"])
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    if request.param == "redis":
        with start_valkey(tmp_path_factory.mktemp("valkey")) as valkey:
            yield valkey
    else:
        with start_postgres() as postgres:
            yield postgres


@pytest.fixture
def server(process: ServerProcess) -> Iterator[ServerProcess]:
    yield process
    if not process.is_running:
        process.start()


@pytest.fixture
async def bus(server: ServerProcess) -> AsyncIterator[Broadcast]:
    async with bus_at(server.url) as bus:
        yield bus


@pytest.fixture
async def backend(server: ServerProcess) -> AsyncIterator[BroadcastBackend]:
    backend = backend_at(server.url, BusLimits(inbox_events=10))
    await backend.connect()
    yield backend
    await backend.disconnect()


def bus_at(url: str, limits: BusLimits = BRISK) -> Broadcast:
    if url.startswith("redis"):
        return create_bus(redis_url=url, database_url=ELSEWHERE, limits=limits)
    return create_bus(redis_url=None, database_url=url, limits=limits)


def backend_at(url: str, limits: BusLimits) -> BroadcastBackend:
    return RedisBackend(url, limits) if url.startswith("redis") else NotifyBackend(url, limits)


def payload_of(size_bytes: int) -> str:
    """A message for channel "runs" that takes so many bytes together with the channel; not all of it is ASCII."""
    return "é" + "x" * (size_bytes - len('["runs","é"]'.encode()))


async def receive(subscriber: Subscriber) -> str:
    async with asyncio.timeout(RECEIVE_SECONDS):
        return (await subscriber.get()).message


async def take(backend: BroadcastBackend) -> Event:
    async with asyncio.timeout(RECEIVE_SECONDS):
        return await backend.next_published()


async def test_ten_thousand_messages_arrive_in_order(bus: Broadcast) -> None:
    messages = [str(number) for number in range(10_000)]
    async with bus.subscribe("runs") as subscriber:
        for message in messages:
            await bus.publish("runs", message)
        assert [await receive(subscriber) for _ in messages] == messages


async def test_messages_published_together_leave_in_the_order_of_the_calls(bus: Broadcast) -> None:
    messages = [str(number) for number in range(100)]
    async with bus.subscribe("runs") as subscriber:
        await asyncio.gather(*(bus.publish("runs", message) for message in messages))
        assert [await receive(subscriber) for _ in messages] == messages


async def test_a_subscriber_hears_nothing_of_other_channels(bus: Broadcast) -> None:
    async with bus.subscribe("paris") as paris, bus.subscribe("rome") as rome:
        await bus.publish("paris", "bonjour")
        await bus.publish("nowhere", "hello?")
        await bus.publish("rome", "buongiorno")
        assert (await receive(paris), await receive(rome)) == ("bonjour", "buongiorno")


async def test_a_message_keeps_every_character(bus: Broadcast) -> None:
    message = '{"text": "naïve 🎨 \\" \\\\ \n \t \x00 \u2028"}'
    async with bus.subscribe("ateliers/été") as subscriber:
        await bus.publish("ateliers/été", message)
        assert await receive(subscriber) == message


async def test_another_process_is_heard(server: ServerProcess, bus: Broadcast) -> None:
    script = (
        "import asyncio, sys\n"
        "from tests.storage.test_bus import bus_at\n"
        "async def main():\n"
        "    async with bus_at(sys.argv[1]) as bus:\n"
        "        await bus.publish('runs', 'from afar')\n"
        "asyncio.run(main())\n"
    )
    async with bus.subscribe("runs") as subscriber:
        command = [sys.executable, "-c", script, server.url]
        await asyncio.to_thread(subprocess.run, command, cwd=ROOT, check=True, timeout=30)
        assert await receive(subscriber) == "from afar"


async def test_after_a_crash_old_and_new_subscribers_are_told_to_resync_and_hear_again(
    server: ServerProcess, bus: Broadcast
) -> None:
    async with bus.subscribe("old") as old:
        server.kill()
        async with bus.subscribe("new") as new:
            await asyncio.to_thread(server.start)
            assert (await receive(old), await receive(new)) == (RESYNC, RESYNC)
            async with bus.subscribe("newest") as newest:
                for channel in ("old", "new", "newest"):
                    await bus.publish(channel, "again")
                assert [await receive(each) for each in (old, new, newest)] == ["again"] * 3


async def test_every_crash_is_survived_not_only_the_first(server: ServerProcess, bus: Broadcast) -> None:
    async with bus.subscribe("runs") as subscriber:
        for crash in range(3):
            server.kill()
            await asyncio.to_thread(server.start)
            assert await receive(subscriber) == RESYNC
            await bus.publish("runs", f"after crash {crash}")
            assert await receive(subscriber) == f"after crash {crash}"


async def test_a_bus_may_be_there_before_its_server(server: ServerProcess) -> None:
    server.kill()
    async with bus_at(server.url) as bus, bus.subscribe("runs") as subscriber:
        await asyncio.to_thread(server.start)
        assert await receive(subscriber) == RESYNC
        await bus.publish("runs", "at last")
        assert await receive(subscriber) == "at last"


async def test_publishing_to_a_server_that_is_away_is_quick_and_logged_once(
    server: ServerProcess, bus: Broadcast
) -> None:
    await bus.publish("runs", "before")
    server.kill()
    with capture_logs() as logs:
        for _ in range(3):
            async with asyncio.timeout(BRISK.call_seconds * 2):
                await bus.publish("runs", "lost")
        await asyncio.to_thread(server.start)
        await bus.publish("runs", "after")
    told = [(log["event"], log.get("failures")) for log in logs if log["action"] == "publish"]
    assert told == [("bus_unavailable", None), ("bus_available", 3)]


async def test_a_connection_that_has_gone_quiet_is_noticed_and_replaced(server: ServerProcess) -> None:
    async with stalling_proxy(server.port) as proxy:
        url = server.url.replace(str(server.port), str(proxy.port))
        async with bus_at(url) as bus, bus.subscribe("runs") as subscriber:
            await bus.publish("runs", "before")
            assert await receive(subscriber) == "before"
            proxy.stall()
            async with asyncio.timeout(BRISK.call_seconds * 2):
                await bus.publish("runs", "lost")
            assert await receive(subscriber) == RESYNC
            await bus.publish("runs", "after")
            assert await receive(subscriber) == "after"


async def test_a_quiet_channel_keeps_its_connection(bus: Broadcast) -> None:
    async with bus.subscribe("runs") as subscriber:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(subscriber.get(), BRISK.keepalive_seconds * 6)
        await bus.publish("runs", "still here")
        assert await receive(subscriber) == "still here"


@pytest.mark.parametrize("size_bytes", [8_000, 20_000])
async def test_a_message_too_large_for_notify_arrives_or_asks_for_a_resync(
    server: ServerProcess, bus: Broadcast, size_bytes: int
) -> None:
    message = payload_of(size_bytes)
    async with bus.subscribe("runs") as subscriber:
        await bus.publish("runs", message)
        assert await receive(subscriber) == (message if server.url.startswith("redis") else RESYNC)


async def test_the_largest_message_for_notify_is_carried_whole(bus: Broadcast) -> None:
    message = payload_of(7_999)
    async with bus.subscribe("runs") as subscriber:
        await bus.publish("runs", message)
        assert await receive(subscriber) == message


async def test_an_overflowing_inbox_says_resync_to_all_who_lost_something(backend: BroadcastBackend) -> None:
    for channel in ("quiet", "busy", "idle"):
        await backend.subscribe(channel)
    await backend.publish("quiet", "lost")
    for number in range(500):
        await backend.publish("busy", str(number))
    await backend.publish("quiet", "last")
    events = [await take(backend)]
    while events[-1] != Event("quiet", "last"):
        events.append(await take(backend))
    assert {event.channel for event in events if event.message == RESYNC} == {"quiet", "busy"}
    assert Event("quiet", "lost") not in events


async def test_an_inbox_keeps_no_more_than_its_limit_and_one_resync_for_each_channel() -> None:
    inbox = Inbox(limit=3)
    for number in range(101):
        inbox.put(Event("odd" if number % 2 else "even", str(number)))
    told = [await inbox.get() for _ in range(4)]
    assert told == [Event("even", RESYNC), Event("odd", RESYNC), Event("odd", "99"), Event("even", "100")]


async def test_an_unsubscribed_channel_is_silent_until_it_is_subscribed_again(backend: BroadcastBackend) -> None:
    for channel in ("left", "kept"):
        await backend.subscribe(channel)
    await backend.unsubscribe("left")
    await backend.publish("left", "unheard")
    await backend.publish("kept", "heard")
    assert await take(backend) == Event("kept", "heard")
    await backend.subscribe("left")
    await backend.publish("left", "heard again")
    assert await take(backend) == Event("left", "heard again")


async def test_subscribing_right_after_unsubscribing_has_the_last_word(backend: BroadcastBackend) -> None:
    await backend.subscribe("runs")
    await asyncio.gather(backend.unsubscribe("runs"), backend.subscribe("runs"))
    await backend.publish("runs", "heard")
    while (event := await take(backend)).message == RESYNC:
        pass
    assert event == Event("runs", "heard")


@pytest.mark.parametrize("away", [False, True])
async def test_disconnecting_leaves_no_task_behind(server: ServerProcess, *, away: bool) -> None:
    tasks = asyncio.all_tasks()
    async with bus_at(server.url) as bus, bus.subscribe("runs") as subscriber:
        await bus.publish("runs", "hello")
        assert await receive(subscriber) == "hello"
        if away:
            server.kill()
            await bus.publish("runs", "lost")
    assert asyncio.all_tasks() == tasks


async def test_disconnecting_from_a_server_that_never_was_leaves_no_task_behind(server: ServerProcess) -> None:
    tasks = asyncio.all_tasks()
    async with bus_at(server.url.replace(str(server.port), str(free_port()))) as bus:
        await bus.publish("runs", "lost")
    assert asyncio.all_tasks() == tasks
