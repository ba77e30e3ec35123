from collections.abc import AsyncIterator

import pytest

from providers.openai_api import OpenAI
from tests.providers.openai_connection import connect
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
