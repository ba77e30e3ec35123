"""The examples of docs/live.md, run as they stand there."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.protocols.conversing import finish_a_run
from tests.protocols.reference import Clients
from tests.studio import Client, GraphQLFailure

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]  # the first start fetches packages

PAGE = (Path(__file__).parents[2] / "docs" / "live.md").read_text()
LIMIT_SECONDS = 30


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@asynccontextmanager
async def started(client: Client, example: str, *command: str, path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The example against this server, killed at the end of the block."""
    write(example, client, path)
    environment = {**os.environ, "EASEL_KEY": client.key.apiKey, "NO_PROXY": "*", "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(*command, path, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def write(example: str, client: Client, path: Path) -> None:
    assert "127.0.0.1:8000" in example
    path.write_text(example.replace("127.0.0.1:8000", client.url.removeprefix("http://")))


async def tells_of_a_run(client: Client, process: asyncio.subprocess.Process) -> None:
    """Runs are made until the example, once it has begun, tells of one to its end."""
    output = process.stdout
    assert output

    async def read() -> None:
        async for line in output:
            if b"run.completed" in line:
                return
        raise AssertionError("it ended first")

    async with asyncio.timeout(LIMIT_SECONDS):
        reading = asyncio.create_task(read())
        while not reading.done():
            await finish_a_run(client)
            await asyncio.wait({reading}, timeout=0.2)
        await reading


async def test_the_example_in_python_follows(client: Client, tmp_path: Path) -> None:
    (example,) = examples("python")
    async with started(client, example, sys.executable, path=tmp_path / "follow.py") as process:
        await tells_of_a_run(client, process)


@pytest.mark.parametrize("number", [0, 1])
async def test_the_examples_in_javascript_follow(client: Client, clients: Clients, number: int) -> None:
    path = clients.directory / f"example-{number}.mjs"
    async with started(client, examples("js")[number], "node", path=path) as process:
        await tells_of_a_run(client, process)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed here")
async def test_the_example_for_the_shell_follows(client: Client, tmp_path: Path) -> None:
    (example,) = examples("sh")
    async with started(client, "exec " + example, "sh", path=tmp_path / "follow.sh") as process:
        await tells_of_a_run(client, process)


@pytest.mark.parametrize("query", [one for one in examples("graphql") if one.startswith("query")])
async def test_the_queries_are_answered(client: Client, query: str) -> None:
    try:
        assert (await client.ask(query))["snapshot"]["cursor"]
    except GraphQLFailure as failure:
        raise AssertionError(failure.errors) from failure
