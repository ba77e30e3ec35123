"""One prompt at one server: sent under an id of ours, looked up whenever in doubt, stopped where nobody wants it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import structlog

from domain.providers import GraphRequest
from providers.comfyui import failures
from providers.comfyui.answers import (
    Ending,
    read_nothing,
    read_submission,
    read_upload,
    reads_history_of,
    reads_queue_of,
)
from providers.comfyui.connection import Away, TooLarge
from providers.comfyui.graphs import Graph, made_unique, upload_of
from providers.comfyui.servers import Server

MOST_POSTS = 3
SUBMIT_SECONDS = 30.0
UPLOAD_SECONDS = 120.0
MOMENT_SECONDS = 0.25
STOP_SECONDS = 3.0

log = structlog.get_logger(__name__)


class Standing(Enum):
    """Where a prompt is that has not ended."""

    WAITING = "waiting"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a prompt is looked for; how long a server may be away, or its socket silent, until it is given up."""

    poll_seconds: float = 1.0
    away_seconds: float = 30.0
    silent_seconds: float = 30.0


@dataclass(slots=True, kw_only=True)
class Prompt:
    server: Server
    id: str
    request: GraphRequest
    patience: Patience
    news: asyncio.Event = field(default_factory=asyncio.Event)
    posts: int = 0
    doubt: str = ""

    async def run(self, note: Callable[[str], Awaitable[None]]) -> Ending:
        """
        Sent, and waited for to its end. What the server loses is sent again, as the same prompt.

        Raises Away where this server never had it, so that another may be asked.
        """
        graph = await self._with_sources()
        await note(f"{self.id}@{self.server.url}")
        self.posts = 1
        await self._send(graph)
        while True:
            try:
                ending = await self.ending()
            except Away as away:
                raise failures.gone(away.reason) from None
            if ending is not None:
                return ending
            if self.posts >= MOST_POSTS:
                raise failures.vanished(self.doubt or "it forgets it")
            log.warning("a ComfyUI server lost a prompt", server=self.server.host, prompt_id=self.id)
            await self._send_again()

    async def ending(self) -> Ending | None:
        """How it ended, once it has; None where the server knows nothing of it. Raises Away, after some patience."""
        missed, told_at = 0, time.monotonic()
        while missed < 2:
            try:
                found = await self._look()
                told_at = time.monotonic()
            except Away:
                away_seconds = max(time.monotonic() - told_at, self.server.away_seconds)
                if away_seconds > self.patience.away_seconds:
                    raise
                found = Standing.WAITING
            if isinstance(found, Ending):
                return found
            missed = missed + 1 if found is Standing.MISSING else 0
            await self._pause(MOMENT_SECONDS if missed else self.patience.poll_seconds)
        return None

    async def stop(self) -> None:
        """
        Takes this prompt, and no other, out of the queue and off the machine, trying for STOP_SECONDS.

        A prompt on its way may arrive after it was looked for, and one just beginning misses its interruption: only
        twice gone is gone. One at its last node ends as it likes.
        """
        gone = 0
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while gone < 2:
                    await self.server.ask("POST", "/queue", read_nothing, json={"delete": [self.id]})
                    await self.server.ask("POST", "/interrupt", read_nothing, json={"prompt_id": self.id})
                    is_there = await self.server.ask("GET", "/queue", reads_queue_of(self.id))
                    gone = 0 if is_there else gone + 1
                    await asyncio.sleep(MOMENT_SECONDS)  # the server's worker looks now and then
        except (Away, TimeoutError):
            log.warning("a prompt may be going on unwanted", server=self.server.host, prompt_id=self.id)

    async def _send(self, graph: Graph) -> None:
        """Raises Away only where the server cannot have it; a lost answer is no answer: it is looked for afterwards."""
        body = {"prompt": graph, "prompt_id": self.id, "client_id": self.id}
        try:
            answer = await self.server.ask("POST", "/prompt", read_submission, seconds=SUBMIT_SECONDS, json=body)
        except Away as away:
            if away.nothing_sent:
                raise
            self.doubt = away.reason
            log.info("a prompt may have arrived", server=self.server.host, prompt_id=self.id, reason=away.reason)
            return
        if answer.accepted and answer.prompt_id != self.id:
            await self.server.ask("POST", "/queue", read_nothing, json={"delete": [answer.prompt_id]})
            raise failures.too_old()
        if answer.accepted and answer.troubles:
            await self.stop()  # what is sound in it was queued all the same
        if answer.troubles:
            raise failures.refused(answer.body, self.request.graph)

    async def _send_again(self) -> None:
        """The server may have come back without the pictures it was sent. Away again, it is looked for again."""
        self.posts += 1
        with suppress(Away):
            await self._send(await self._with_sources())

    async def _with_sources(self) -> Graph:
        graph = made_unique(self.request.graph, self.request.output, self.id)
        for (node, name), picture in self.request.sources.items():
            files = {"image": upload_of(picture)}
            stored = await self.server.ask(
                "POST", "/upload/image", read_upload, seconds=UPLOAD_SECONDS, files=files, data={"type": "input"}
            )
            if stored is None:
                raise failures.source_refused(node, name)
            graph[node].setdefault("inputs", {})[name] = stored
        return graph

    async def _look(self) -> Ending | Standing:
        """The queue first: what ends between the two questions is then in history, and never in neither."""
        try:
            is_queued = await self.server.ask("GET", "/queue", reads_queue_of(self.id))
        except TooLarge:
            is_queued = None  # others wait there with so much that nobody can tell
        if is_queued:
            return Standing.WAITING
        try:
            ending = await self.server.ask("GET", f"/history/{self.id}", reads_history_of(self.id))
        except TooLarge:
            raise failures.unusable("more than can be read") from None
        return ending or (Standing.WAITING if is_queued is None else Standing.MISSING)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds * random.uniform(0.75, 1.25)):  # noqa: S311 - so that not all ask at once
                await self.news.wait()
        except TimeoutError:
            return
        self.news.clear()
