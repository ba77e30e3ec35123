from collections.abc import AsyncIterator

import pytest

from tests.contract.comfyui_talking import Talk, talking
from tests.servers.comfyui_process import ComfyUIProcess


@pytest.fixture
async def talk(comfyui_server: ComfyUIProcess) -> AsyncIterator[Talk]:
    """With the ComfyUI of the tests, which has seen nothing yet."""
    async with talking(comfyui_server) as one:
        yield one
