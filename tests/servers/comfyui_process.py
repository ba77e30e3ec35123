"""The ComfyUI-compatible server as a process of its own, which can be killed and started again; its remote control."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from engine.outbound.sender import authorities_of_the_system

ROOT = Path(__file__).parents[2]
START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 5.0
CONTROL_LIMIT_SECONDS = 65.0


class ComfyUIProcess:
    """`directory` holds input/, output/ and temp/; what is in the first two outlives the process."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.port = 0
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What EASEL_COMFYUI_URL is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it can be called, at the port it had before."""
        command = [sys.executable, "-m", "tests.servers.comfyui_server", "--port", str(self.port)]
        command += ["--directory", str(self.directory), *self._arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_LIMIT_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        assert line, f"the server did not start in {START_LIMIT_SECONDS} s"
        self.port = int(json.loads(line)["port"])

    def kill(self) -> None:
        """SIGKILL: queue, history, cache and counters are gone, files stay."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(STOP_LIMIT_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    def terminate(self) -> None:
        """SIGTERM, which ends it as suddenly."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(STOP_LIMIT_SECONDS)
        self.kill()

    async def script(self, *behaviours: str) -> None:
        """The next prompts get these, one each, in the order of POST /prompt; those after them go well."""
        await self._control("POST", "script", json={"behaviours": behaviours})

    async def prompts(self, *, at_least: int = 0) -> list[dict[str, Any]]:
        """The prompts accepted, as prompt_id, graph, client_id, number, extra_data; waits until there are so many."""
        return await self._list("prompts", at_least)

    async def executed(self, *, at_least: int = 0) -> list[str]:
        """The ids that ran to the end with success, foreign ones too."""
        return await self._list("executed", at_least)

    async def interrupted(self, *, at_least: int = 0) -> list[str]:
        """The ids that an interrupt ended, foreign ones too."""
        return await self._list("interrupted", at_least)

    async def sockets(self, *, until: int | None = None) -> int:
        """How many are open; waits until there are just so many."""
        answer = await self._control("GET", "sockets", params={} if until is None else {"until": until})
        return int(answer.json()["sockets"])

    async def cut_sockets(self) -> None:
        """Every socket ends without a goodbye; they may come back."""
        await self._control("POST", "cut")

    async def go_silent(self) -> None:
        """Sockets stay open and new ones are accepted, but nothing is said any more."""
        await self._control("POST", "silence")

    async def refuse(self, calls: int) -> None:
        """So many HTTP calls, not those of sockets, end in a reset connection."""
        await self._control("POST", "refuse", json={"calls": calls})

    async def set_pace(self, step_seconds: float) -> None:
        """How long a step of KSampler takes."""
        await self._control("POST", "pace", json={"step_seconds": step_seconds})

    async def busy_with(self, prompts: int) -> list[str]:
        """Gives it somebody else's prompts, held until `release`; their ids."""
        ids: list[str] = (await self._control("POST", "busy", json={"prompts": prompts})).json()["prompt_ids"]
        return ids

    async def release(self) -> None:
        """Lets go of what is held, running or waiting; what comes later is held anew."""
        await self._control("POST", "release")

    async def reset(self) -> None:
        """As freshly started with empty directories; open sockets stay."""
        await self._control("POST", "reset")

    async def _list(self, name: str, at_least: int) -> list[Any]:
        answer = await self._control("GET", name, params={"at_least": at_least})
        found: list[Any] = answer.json()[name]
        return found

    async def _control(self, method: str, action: str, **arguments: Any) -> httpx2.Response:
        limits: dict[str, Any] = {"trust_env": False, "timeout": CONTROL_LIMIT_SECONDS}
        async with httpx2.AsyncClient(**limits, verify=authorities_of_the_system()) as client:
            answer = await client.request(method, f"{self.url}/control/{action}", **arguments)
        return answer.raise_for_status()


@contextmanager
def start_comfyui(directory: Path, *arguments: str) -> Iterator[ComfyUIProcess]:
    """`arguments` are the server's own: `--version 0.8.0`, `--max-upload-size 1`, `--checkpoint x.safetensors`."""
    process = ComfyUIProcess(directory, *arguments)
    try:
        process.start()
        yield process
    finally:
        process.kill()
