"""The OpenAI-compatible server as a process of its own, and a remote control for it."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx2

from engine.outbound.sender import authorities_of_the_system

ROOT = Path(__file__).parents[2]
START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class OpenAIServer:
    origin: str

    @property
    def base_url(self) -> str:
        """What EASEL_OPENAI_BASE_URL is set to."""
        return f"{self.origin}/v1"

    async def script(self, *behaviours: str) -> None:
        """The next calls get these, one each; those after them are answered well."""
        await self._control("POST", "script", json={"behaviours": behaviours})

    async def requests(self, *, at_least: int = 0) -> list[dict[str, Any]]:
        """The calls that have arrived, waiting until there are so many."""
        answer = await self._control("GET", "requests", params={"at_least": at_least})
        calls: list[dict[str, Any]] = answer.json()["requests"]
        return calls

    async def release(self) -> None:
        """Lets held calls be answered."""
        await self._control("POST", "release")

    async def reset(self) -> None:
        """Forgets calls and script and lets go of held calls."""
        await self._control("POST", "reset")

    async def _control(self, method: str, action: str, **arguments: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=60, verify=authorities_of_the_system()) as client:
            answer = await client.request(method, f"{self.origin}/control/{action}", **arguments)
        return answer.raise_for_status()


@contextmanager
def start_openai_server() -> Iterator[OpenAIServer]:
    command = [sys.executable, "-m", "tests.servers.openai_server", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield OpenAIServer(f"http://127.0.0.1:{_read_port(process.stdout)}")
        finally:
            _end(process)


def _read_port(output: IO[bytes]) -> int:
    ready, _, _ = select.select([output], [], [], START_LIMIT_SECONDS)
    assert ready, f"the server said nothing in {START_LIMIT_SECONDS} s"
    return int(json.loads(output.readline())["port"])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
