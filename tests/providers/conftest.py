from collections.abc import AsyncIterator, Iterator

import pytest

from providers.openai_api import OpenAI
from tests.providers.openai_connection import connect
from tests.servers.openai_process import OpenAIServer, start_openai_server


@pytest.fixture(scope="session")
def openai_process() -> Iterator[OpenAIServer]:
    with start_openai_server() as server:
        yield server


@pytest.fixture
async def openai_server(openai_process: OpenAIServer) -> AsyncIterator[OpenAIServer]:
    await openai_process.reset()
    yield openai_process
    await openai_process.reset()


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
