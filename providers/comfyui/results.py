"""The pictures a prompt made, fetched as soon as it is done: the server may overwrite or forget them."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import structlog

from domain.errors import InvalidInput
from domain.providers import GeneratedPicture
from providers.comfyui import failures
from providers.comfyui.answers import Ending, read_file
from providers.comfyui.connection import Away, TooLarge
from providers.comfyui.graphs import seed_of
from providers.comfyui.prompts import Prompt
from providers.comfyui.servers import Server
from providers.comfyui.shapes import list_of, object_of
from providers.pictures import read_picture

MOST_PICTURES = 64
MOST_PICTURE_BYTES = 100 * 1024 * 1024
MOST_BYTES = 4 * MOST_PICTURE_BYTES
FETCH_SECONDS = 120.0
FETCHES = 3
REST_SECONDS = 0.5

log = structlog.get_logger(__name__)


class FilesMissing(Exception):
    """The prompt ended well, and a file it wrote cannot be had: wiped, broken, named by a cache that outlived it."""


async def pictures_of(prompt: Prompt, ending: Ending, *, max_pixels: int) -> tuple[GeneratedPicture, ...]:
    """All that the output node made. Raises FilesMissing, or ProviderError."""
    files = _files(ending.outputs.get(prompt.request.output))
    if not files:
        raise failures.no_picture(prompt.request.output, prompt.request.graph)
    if len(files) > MOST_PICTURES:
        raise failures.unusable(f"more than {MOST_PICTURES} pictures at once: make fewer")
    seed = seed_of(prompt.request.graph)
    meta = {"provider": "comfyui", "promptId": prompt.id, "server": urlsplit(prompt.server.url).hostname}
    fetched, left_bytes = [], MOST_BYTES
    for file in files:
        data = await _fetched(prompt, file, min(left_bytes, MOST_PICTURE_BYTES), max_pixels)
        left_bytes -= len(data)
        fetched.append(GeneratedPicture(data, seed=seed, meta=dict(meta)))
    return tuple(fetched)


def _files(output: Any) -> list[dict[str, str]]:
    """Where its pictures are, those of PreviewImage (temp) too."""
    images = [object_of(image) for image in list_of(object_of(output).get("images"))]
    return [
        {key: image[key] for key in ("filename", "subfolder", "type") if isinstance(image.get(key), str)}
        for image in images
        if isinstance(image.get("filename"), str) and image.get("type") != "input"
    ]


async def _fetched(prompt: Prompt, file: dict[str, str], most_bytes: int, max_pixels: int) -> bytes:
    """The file's picture, read again where it came in pieces or broken. A server that restarts keeps its files."""
    broken = 0
    while True:
        try:
            return (await read_picture(await _read(prompt.server, file, most_bytes), max_pixels=max_pixels)).data
        except TooLarge:
            raise failures.unusable(f"pictures of more than {most_bytes // 1024**2} MiB: make smaller ones") from None
        except Away as away:
            broken += not away.nothing_sent
            if broken == FETCHES:
                raise FilesMissing from None  # what is on its disk is broken: the next prompt writes another file
            if prompt.server.away_seconds > prompt.patience.away_seconds:
                raise failures.gone(away.reason) from None
        except InvalidInput as error:
            broken += 1
            if broken == FETCHES:
                raise failures.unusable(f"something that is not taken: {error.message}") from None
        log.info("a picture is fetched again", server=prompt.server.host)
        await asyncio.sleep(REST_SECONDS)  # what broke it may pass


async def _read(server: Server, file: dict[str, str], most_bytes: int) -> bytes:
    data = await server.ask("GET", "/view", read_file, params=file, seconds=FETCH_SECONDS, most_bytes=most_bytes)
    if data is None:
        raise FilesMissing
    return data
