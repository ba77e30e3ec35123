"""One call: what an earlier attempt began is taken up, else a prompt is run where a server is free."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import structlog

from domain.providers import GeneratedPicture, GraphRequest
from providers.comfyui import failures
from providers.comfyui.answers import End, Ending
from providers.comfyui.connection import Away
from providers.comfyui.progress import Progress
from providers.comfyui.prompts import Patience, Prompt
from providers.comfyui.results import FilesMissing, pictures_of
from providers.comfyui.servers import Server, Servers
from providers.comfyui.sockets import listening

Pictures = tuple[GeneratedPicture, ...]

_JOB_ID = re.compile(r"([0-9a-f-]{36})@(.+)")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCall:
    """`stopping` holds what is being stopped after the call itself was broken off."""

    servers: Servers
    request: GraphRequest
    patience: Patience
    is_unwanted: Callable[[], bool]
    stopping: set[asyncio.Task[None]]
    max_pixels: int
    progress: Progress

    async def pictures(self) -> Pictures:
        pictures = await self._taken_up()
        return await self._made() if pictures is None else pictures

    async def _taken_up(self) -> Pictures | None:
        """What the prompt of an earlier attempt made; None where one is to be begun anew."""
        noted = _JOB_ID.fullmatch(self.request.call.job_id or "")
        server = self.servers.find(noted[2]) if noted else None
        if noted is None or server is None:
            return None
        with self.servers.this(server):
            async with self._prompt(server, noted[1], posts=1) as prompt:
                try:
                    ending = await prompt.ending()
                    # What failed there, or was stopped, may do better now.
                    return await self._fetched(prompt, ending) if ending and ending.end is End.SUCCESS else None
                except (Away, FilesMissing) as trouble:
                    # A server that comes back later may have made a picture that nobody takes.
                    log.info("a prompt is begun anew", server=server.host, prompt_id=prompt.id, reason=repr(trouble))
                    return None

    async def _made(self) -> Pictures:
        for _ in range(2):
            try:
                return await self._made_once()
            except FilesMissing:
                log.warning("a ComfyUI server does not have the files it wrote")
        raise failures.files_missing()

    async def _made_once(self) -> Pictures:
        """On the first server that takes the prompt; those that went away before they had it are done with."""
        tried: set[Server] = set()
        while True:
            async with self.servers.one(tried) as server:
                tried.add(server)
                async with self._prompt(server, str(uuid4())) as prompt:
                    try:
                        ending = await prompt.run(self.request.call.note_job)
                    except Away:
                        continue
                    return await self._fetched(prompt, ending)

    async def _fetched(self, prompt: Prompt, ending: Ending) -> Pictures:
        if ending.end is End.INTERRUPTED:
            raise failures.interrupted()
        if ending.end is End.ERROR:
            raise failures.node_failed(ending.details)
        return await pictures_of(prompt, ending, max_pixels=self.max_pixels)

    @asynccontextmanager
    async def _prompt(self, server: Server, prompt_id: str, *, posts: int = 0) -> AsyncIterator[Prompt]:
        """A prompt that is listened to, and stopped if the call is broken off and nobody wants it any more."""
        prompt = Prompt(server=server, id=prompt_id, request=self.request, patience=self.patience, posts=posts)
        self.progress.begin(prompt_id)
        silent_seconds = self.patience.silent_seconds
        try:
            async with listening(
                server.connection, prompt_id, self.progress, prompt.news, silent_seconds=silent_seconds
            ):
                yield prompt
        except asyncio.CancelledError:
            if prompt.posts and self.is_unwanted():
                await self._stop(prompt)
            raise

    async def _stop(self, prompt: Prompt) -> None:
        """To its end, even if the call is broken off once more."""
        task = asyncio.create_task(prompt.stop())
        self.stopping.add(task)
        task.add_done_callback(self.stopping.discard)
        await asyncio.shield(task)
