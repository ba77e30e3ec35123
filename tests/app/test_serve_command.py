"""`easel serve`, and what other commands do beside it on the same data directory."""

import re
import signal
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from app.cli.live import Live
from tests.faults.callers import calling
from tests.faults.processes import Home, Process

START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }"
WATCH = "subscription($id: ID!) { runUpdated(id: $id) { status } }"
VIEWER = "{ viewer { subject kind organization { slug } } }"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Process]:
    """One server for this module, whose first start it is. Its own workers are off."""
    with home.serving("--workers", "0") as process:
        yield process


def test_ready_is_told_in_one_line_with_what_to_do_next(home: Home, server: Process) -> None:
    for words in ("GraphiQL", "key", "Stop"):
        server.await_line(words)
    ready, *hints = server.said
    assert re.fullmatch(r"Easel is ready: http://127\.0\.0\.1:\d+", ready)
    assert [hint.split(":")[0].strip() for hint in hints] == ["GraphiQL", "A key", "Stop"]


async def test_the_key_is_of_the_running_server_and_opens_it(home: Home, server: Process) -> None:
    key = home.key()
    assert key.url == server.url
    async with calling(key) as caller:
        viewer = (await caller.ask(VIEWER))["viewer"]
    assert (viewer["kind"], viewer["organization"]["slug"]) == ("api_key", "acme")


async def test_a_token_opens_it_for_a_person(home: Home, server: Process) -> None:
    token = home.run("token", "--subject", "ana", "--role", "EDITOR").stdout.strip()
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as http:
        answer = await http.post(f"{server.url}/graphql", json={"query": VIEWER})
    assert answer.json()["data"]["viewer"] == {"subject": "ana", "kind": "person", "organization": {"slug": "acme"}}


async def test_a_token_without_a_role_opens_what_teams_say(home: Home, server: Process) -> None:
    token = home.run("token", "--subject", "eve", "--no-role").stdout.strip()
    query = "{ viewer { subject scopes roles { role } } }"
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as http:
        answer = await http.post(f"{server.url}/graphql", json={"query": query})
    assert answer.json()["data"]["viewer"] == {"subject": "eve", "scopes": [], "roles": []}


async def test_a_worker_beside_it_does_what_the_api_was_asked_for(home: Home, server: Process) -> None:
    key = home.key()
    async with calling(key) as caller, Live(key.url, key.apiKey) as live:
        run_id = await caller.start(await caller.workflow(pictures=1))
        assert (await caller.run(run_id))["status"] == "QUEUED"
        with home.working() as worker:
            seen = [update["runUpdated"]["status"] async for update in live.watch(WATCH, id=run_id)]
            assert worker.stop() == 0
    assert (seen[0], seen[-1]) == ("QUEUED", "SUCCEEDED")
    assert "RUNNING" in seen


def test_a_second_server_needs_another_port_and_says_so(home: Home, server: Process) -> None:
    port = server.url.rpartition(":")[2]
    told = home.run("serve", EASEL_PORT=port)
    assert told.returncode == 1
    assert told.stderr == (
        f"easel: Easel cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Choose another with --port or EASEL_PORT\n"
    )


async def test_a_second_server_on_another_port_serves_the_same_and_goes_alone(home: Home, server: Process) -> None:
    first = home.key()
    with home.serving() as second:
        async with httpx2.AsyncClient(headers={"X-API-Key": first.apiKey}, trust_env=False) as http:
            for url in (server.url, second.url):
                answer = await http.post(f"{url}/graphql", json={"query": VIEWER})
                assert answer.json()["data"]["viewer"]["organization"] == {"slug": "acme"}
        assert second.stop(signal.SIGINT) == 0
    assert home.key().url == server.url


def test_the_demo_uses_the_server_that_runs(home: Home, server: Process) -> None:
    with home.working():
        told = home.run("demo", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9")
    assert told.returncode == 0, told.stderr
    assert f"Easel is ready: {server.url}" in told.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_when_nothing_is_under_way(home: Home, number: signal.Signals) -> None:
    with home.serving() as process:
        assert process.stop(number) == 0
    assert home.errors.read_text() == ""


@pytest.mark.parametrize("delay_seconds", [0.1, 0.5, 1.0])
def test_ctrl_c_during_the_start_ends_it_without_a_traceback(home: Home, delay_seconds: float) -> None:
    with home.started("serve", "--port", "0") as starting:
        with pytest.raises(subprocess.TimeoutExpired):
            starting.process.wait(delay_seconds)
        code = starting.stop(signal.SIGINT)
    assert code in {0, 130}
    assert "Traceback" not in home.errors.read_text()
