"""A server that is told to stop sends its listeners away at once; at the next one they go on as if nothing had been."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.seed import DevelopmentKey
from tests.faults.callers import Caller, Told, calling, listening, told, until
from tests.faults.processes import Home, Process
from tests.protocols.reference import Clients
from tests.protocols.sourcing import Source
from tests.servers.valkey_process import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

STREAM = """subscription($after: String) {
  stream(channels: [{name: RUNS}], after: $after) { cursor event payload }
}"""
DRAIN_SECONDS, SOCKETS, SOURCES, CALLERS, RUNS_AROUND = 5, 30, 10, 3, 12
RESTARTS = 1012


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Home:
    return Home(tmp_path, {"EASEL_DATABASE_URL": database_url, "EASEL_DRAIN_SECONDS": str(DRAIN_SECONDS)})


@dataclass(slots=True)
class Following:
    """Somebody who follows a project, at the second server once the first sends them away."""

    key: DevelopmentKey
    urls: Iterator[str]
    cursor: str
    heard: list[Told] = field(default_factory=list)
    endings: list[object] = field(default_factory=list)

    async def by_socket(self) -> None:
        for url in self.urls:
            address, headers = f"ws{url.removeprefix('http')}/v1/streams", {"X-API-Key": self.key.apiKey}
            offered = [Subprotocol("graphql-transport-ws")]
            async with connect(address, subprotocols=offered, additional_headers=headers, proxy=None) as socket:
                await socket.send('{"type":"connection_init"}')
                await socket.recv()
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": self._asked()}))
                with suppress(ConnectionClosed):
                    while True:
                        message = json.loads(await socket.recv())
                        self._take(message["payload"])
                self.endings.append(socket.close_code)

    async def by_event_stream(self) -> None:
        headers = {"X-API-Key": self.key.apiKey, "Accept": "text/event-stream"}
        for url in self.urls:
            async with (
                httpx2.AsyncClient(timeout=None, trust_env=False, headers=headers) as http,
                http.stream("POST", f"{url}/v1/streams", json=self._asked()) as response,
            ):
                assert response.status_code == 200, await response.aread()
                source = Source(response)
                while (heard := await source.hear(60)) is not None:
                    assert heard[0] == "next"
                    self._take(json.loads(heard[1]))
                self.endings.append("end of stream")

    def _asked(self) -> dict[str, Any]:
        return {"query": STREAM, "variables": {"after": self.cursor}}

    def _take(self, answer: dict[str, Any]) -> None:
        event = answer["data"]["stream"]
        self.cursor = event["cursor"]
        self.heard.append(told(event))


@dataclass(slots=True)
class Load:
    """Runs that are started at the first server while it is there, then at the second."""

    callers: list[Caller]
    workflow_id: str
    run_ids: list[str] = field(default_factory=list)

    async def go_on(self) -> None:
        at = iter(self.callers)
        caller = next(at)
        while True:
            name = str(uuid4())
            try:
                self.run_ids.append(await caller.start(self.workflow_id, name))
            except httpx2.TransportError:
                caller = next(at)
                self.run_ids.append(await caller.start(self.workflow_id, name))

    async def has_started(self, count: int) -> None:
        async def started() -> int:
            return len(self.run_ids)

        await until(started, lambda found: found >= count)


@asynccontextmanager
async def going_on(*endless: Any) -> AsyncIterator[None]:
    """The tasks while the block lasts; the first that fails ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in endless]
        yield
        for task in tasks:
            task.cancel()


async def stops_in_time(server: Process) -> None:
    began = time.monotonic()
    server.send(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 20) == 0
    assert time.monotonic() - began < DRAIN_SECONDS + 1


async def cursor_of(caller: Caller) -> str:
    async with listening(caller) as listener:
        return str(listener.cursor)


@asynccontextmanager
async def calling_at(key: DevelopmentKey, url: str) -> AsyncIterator[Caller]:
    """Without connections that are kept, which a server that stops may close as they are used."""
    async with calling(replace(key, url=url)) as caller:
        caller.http.headers["connection"] = "close"
        yield caller


async def test_stopped_under_load_it_loses_no_event_of_any_stream_and_no_request(home: Home) -> None:
    with home.serving() as first, home.serving() as second:
        key, urls = home.key(), (first.url, second.url)
        async with calling_at(key, first.url) as before, calling_at(key, second.url) as after:
            load, cursor = Load([before, after], await before.workflow(pictures=0)), await cursor_of(before)
            sockets = [Following(key, iter(urls), cursor) for _ in range(SOCKETS)]
            sources = [Following(key, iter(urls), cursor) for _ in range(SOURCES)]
            async with going_on(*(one.by_socket() for one in sockets), *(one.by_event_stream() for one in sources)):
                async with going_on(*(load.go_on() for _ in range(CALLERS))):
                    await load.has_started(RUNS_AROUND)
                    await stops_in_time(first)
                    await load.has_started(len(load.run_ids) + RUNS_AROUND)
                runs = [await after.finished(run_id) for run_id in load.run_ids]
                await all_heard(sockets + sources, runs)
    assert [one.endings[:1] for one in sockets] == [[RESTARTS]] * SOCKETS
    assert [one.endings[:1] for one in sources] == [["end of stream"]] * SOURCES
    assert "Traceback" not in home.errors.read_text()


async def all_heard(everybody: list[Following], runs: list[Any]) -> None:
    """Each heard of each run all there was to hear, in its order; and all heard the same."""
    recorded = {told(event) for run in runs for event in run["events"]["nodes"]}

    async def missing() -> int:
        return sum(len(recorded - set(one.heard)) for one in everybody)

    await until(missing, lambda count: count == 0)
    first = [event for event in everybody[0].heard if event in recorded]
    assert len(first) == len(recorded)
    assert [[event for event in one.heard if event in recorded] for one in everybody] == [first] * len(everybody)
    for run in runs:
        own = [told(event) for event in run["events"]["nodes"]]
        assert [event for event in first if event in set(own)] == own


@pytest.mark.parametrize("program", ["follow", "source"])
async def test_the_reference_clients_go_on_where_the_server_is_started_again(
    home: Home, clients: Clients, program: str
) -> None:
    port, streams = free_port(), 5
    scheme = "ws" if program == "follow" else "http"
    asked = {"url": f"{scheme}://127.0.0.1:{port}/v1/streams", "query": STREAM, "streams": streams}
    with home.serving(port=port) as server:
        async with calling(home.key()) as caller:
            after, workflow_id = await cursor_of(caller), await caller.workflow(pictures=0)
            async with clients.running(program, apiKey=caller.key.apiKey, after=after, **asked) as seen:
                runs = [await caller.finished(await caller.start(workflow_id))]
                await seen.until(lambda line: line.get("heard", {}).get("event") == "run.completed")
                await stops_in_time(server)
                with home.serving(port=port):
                    runs.append(await caller.finished(await until(lambda: caller.start(workflow_id))))
                    whole = [told(event) for run in runs for event in run["events"]["nodes"]]
                    for _ in range(streams):
                        await seen.until(lambda line: "heard" in line and told(line["heard"]) == whole[-1])
                    heard = [[told(event) for event in seen.heard(place)] for place in range(streams)]
    assert [[event for event in one if event in set(whole)] for one in heard] == [whole] * streams
    assert not seen.of("failed") + seen.of("completed")
    assert set(seen.of("closed")) - {1006} == ({RESTARTS} if program == "follow" else set())
