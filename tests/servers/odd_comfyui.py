"""A ComfyUI server in one test's own hands: it answers well, but for the paths it is told to answer oddly."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.providers.drawing import encoded, plain
from tests.servers.listening import listening

PROMPT_ID = "00000000-0000-4000-8000-000000000000"  # as long as those it stands for
PICTURE = encoded(plain(32, 32))


@dataclass(slots=True)
class OddComfyUI:
    """
    `answers` are raw answers by the beginning of "METHOD /path"; None is never answered.

    PROMPT_ID stands for the id of the last prompt. `asked` is every call, `headers` the names of theirs,
    `sent` every prompt.
    """

    answers: dict[str, bytes | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    headers: set[str] = field(default_factory=set)
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            call, headers, body = await _read(reader)
            self.asked.append(call)
            self.headers |= set(headers)
            if call.startswith("POST /prompt"):
                self.sent.append(json.loads(body))
            answer = self._answer(call)
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # whoever asked went away
        finally:
            writer.close()

    def _answer(self, call: str) -> bytes | None:
        odd = next((path for path in self.answers if call.startswith(path)), None)
        if odd is not None:
            told = self.answers[odd]
            return told and told.replace(PROMPT_ID.encode(), self._prompt_id.encode())
        path = next((path for path in _GOOD if call.startswith(path)), "")
        return good(_GOOD.get(path, {}), self._prompt_id)

    @property
    def _prompt_id(self) -> str:
        return str(self.sent[-1]["prompt_id"]) if self.sent else "none"


@asynccontextmanager
async def an_odd_comfyui(answers: dict[str, bytes | None]) -> AsyncIterator[OddComfyUI]:
    odd = OddComfyUI(answers)
    async with listening(odd.handle) as port:
        odd.url = f"http://127.0.0.1:{port}"
        yield odd


def answered(body: bytes, status: int = 200, *headers: str, length: int | None = None) -> bytes:
    told = "".join(f"{header}\r\n" for header in headers)
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status} Odd\r\nContent-Length: {size}\r\n{told}Connection: close\r\n\r\n".encode() + body


def good(body: Any, prompt_id: str) -> bytes:
    return answered(body if isinstance(body, bytes) else json.dumps(body).replace(PROMPT_ID, prompt_id).encode())


_IMAGE = {"filename": "a.png", "subfolder": "", "type": "output"}
_GOOD: dict[str, Any] = {
    "GET /prompt": {"exec_info": {"queue_remaining": 0}},
    "POST /upload/image": {"name": "source.png", "subfolder": "", "type": "input"},
    "POST /prompt": {"prompt_id": PROMPT_ID, "number": 1, "node_errors": {}},
    "GET /queue": {"queue_running": [], "queue_pending": []},
    "GET /history": {PROMPT_ID: {"outputs": {"9": {"images": [_IMAGE]}}, "status": {"status_str": "success"}}},
    "GET /view": PICTURE,
}


async def _read(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return " ".join(first.split(" ")[:2]), headers, body
