from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from providers.comfyui import ComfyUI
from providers.openai_api import OpenAI
from tests.providers.comfyui_asking import asking
from tests.providers.openai_connection import connect
from tests.servers.comfyui_process import ComfyUIProcess, start_comfyui
from tests.servers.openai_process import OpenAIServer


@pytest.fixture
async def openai(openai_server: OpenAIServer) -> AsyncIterator[OpenAI]:
    provider = connect(openai_server.base_url)
    yield provider
    await provider.close()


@pytest.fixture
async def impatient(openai_server: OpenAIServer) -> AsyncIterator[OpenAI]:
    provider = connect(openai_server.base_url, timeout_seconds=0.3)
    yield provider
    await provider.close()


@pytest.fixture
async def comfyui(comfyui_server: ComfyUIProcess) -> AsyncIterator[ComfyUI]:
    async with asking(comfyui_server.url) as provider:
        yield provider


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ComfyUIProcess]:
    """A server that the test may kill."""
    with start_comfyui(tmp_path) as process:
        yield process
